"""Wrong input of every kind: one sentence on standard error, exit 2, nothing half-written."""

import json
import os
import subprocess
import sys

import pytest


def tinyml(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tinyml_core", *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
        check=False, timeout=600, env={**os.environ, **environment},
    )  # fmt: skip


def assert_one_sentence(done, *parts):
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    *progress, sentence = done.stderr.strip().splitlines()
    assert all(line.startswith("data ") for line in progress), done.stderr  # only what went well before it is told
    assert sentence.startswith("Error: ")
    for part in parts:
        assert part in sentence


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "truncated.yaml").write_text("search: {strategy: evolution\n")
    (tmp_path / "unknown.yaml").write_text("serch: {strategy: evolution}\n")
    (tmp_path / "model.tinyml").write_bytes(b"PK\x03\x04 this is no archive")
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    (tmp_path / "tight.yaml").write_text("search: {limits: {sram_bytes: 10}, draws: 20}\n")
    return tmp_path


CASES = {
    "missing project": (["build", "none.yaml"], ["none.yaml", "does not exist"]),
    "truncated YAML": (["build", "truncated.yaml"], ["truncated.yaml"]),
    "unknown key": (["build", "unknown.yaml"], ["serch", "did you mean 'search'"]),
    "unknown key by --set": (["build", "--set", "search.evaluatins=4"], ["evaluatins", "evaluations"]),
    "unknown target": (["build", "--target", "stm32f764"], ["stm32f764", "stm32f746"]),
    "unknown target of compile": (["compile", "model.tinyml", "--target", "none", "--out", "o"], ["none"]),
    "unknown strategy": (["build", "--set", "search.strategy=evolutoin"], ["evolutoin", "evolution"]),
    "unknown option": (["build", "--set", "search.strategy.options.populaton=4"], ["populaton", "population"]),
    "missing model": (["compile", "none.tinyml", "--target", "stm32f746", "--out", "o"], ["none.tinyml"]),
    "damaged model": (["compile", "model.tinyml", "--target", "stm32f746", "--out", "o"], ["model.tinyml"]),
    "missing calibration": (
        ["compile", "model.tinyml", "--target", "stm32f746", "--out", "o", "--calibration", "x.npz"],
        ["x.npz", "does not exist"],
    ),
    "unknown setting of compile": (
        ["compile", "model.tinyml", "--target", "stm32f746", "--out", "o", "--set", "quantiser.name=ptq"],
        ["--set", "did you mean 'quantizer'"],
    ),
    "a quantiser without samples": (
        ["compile", "model.tinyml", "--target", "stm32f746", "--out", "o", "--set", "quantizer.options.ranges=mse"],
        ["--calibration"],
    ),
    "unknown suffix": (["compile", "model.h5", "--target", "stm32f746", "--out", "o"], [".h5", ".tinyml"]),
    "unknown pass": (["passes", "--without", "fold-padd"], ["fold-padd", "did you mean 'fold-pad'"]),
    "unknown pass in a project": (["build", "--set", "compile.without=[fold-padd]"], ["did you mean 'fold-pad'"]),
    "passes over a damaged model": (["passes", "model.tinyml"], ["model.tinyml"]),
    "inspection of a missing model": (["inspect", "none.tinyml"], ["none.tinyml", "does not exist"]),
    "inspection for an unknown target": (["inspect", "none.tinyml", "--target", "stm32f764"], ["stm32f746"]),
    "no compiled folder": (["run", "."], ["manifest.json", "tinyml compile"]),
    "unwritable output": (["build", "--out", "/proc/nope/out"], ["/proc/nope/out", "--out"]),
    "a network that cannot fit": (["search", "tight.yaml"], ["sram_bytes", "more than allowed"]),
    "a difference from nothing": (["diff", "none", "truncated.yaml"], ["none", "does not exist"]),
    "a package of no compiled folder": (["package", ".", "--for", "arduino"], ["manifest.json", "tinyml compile"]),
    "no such plugin": (["plugins", "show", "evolutio"], ["evolutio"]),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_and_exit_2(folder, case):
    arguments, parts = CASES[case]
    before = sorted(folder.rglob("*"))
    assert_one_sentence(tinyml(*arguments, cwd=folder), *parts)
    assert sorted(folder.rglob("*")) == before


def test_with_json_standard_output_stays_empty(folder):
    assert_one_sentence(tinyml("build", "none.yaml", "--json", cwd=folder), "does not exist")


def test_no_compiler(folder):
    """A project that asks for gcc where there is none fails before it searches."""
    done = tinyml("build", "--set", "compile.toolchain=gcc", cwd=folder, PATH=str(folder))
    assert_one_sentence(done, "arm-none-eabi-gcc")


def test_schema_is_json(folder):
    done = tinyml("schema", "--json", cwd=folder)
    assert done.returncode == 0
    assert "search" in json.loads(done.stdout)["properties"]
