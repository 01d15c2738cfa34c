"""`tinyml diff`: figures of two builds with their kinds, and one sentence where something is no build."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from costed_networks import network
from tinyml_core.cli import tinyml
from tinyml_core.cli.diff import COMMENT
from tinyml_core.errors import InputError
from tinyml_core.pipeline.build_figures import Build, read_build
from tinyml_core.pipeline.comparison import compare
from tinyml_core.platform import Platform

RUN = {
    "network": "a", "target": "stm32f746", "samples": 1, "exact": True, "differing_bytes": 0, "instructions": 1000,
    "instructions_basis": "measured", "macs": 500, "parameters": 7,
    "cycles": {"core": 900, "low": 800, "high": 1100, "model": "table 1", "basis": "estimated"},
    "sram_bytes": {"arena": 100, "input": 0, "output": 0, "static": 4, "stack": 20, "total": 124},
    "flash_bytes": {"weights": 60, "code": 40, "total": 100},
    "accuracy": {"float": 0.95, "int8": 0.9, "emulated": 0.9},
    "layers": [{"name": "conv", "kernel": "k", "instructions": 600}, {"name": "pool", "kernel": "k",
                                                                     "instructions": 400}],
}  # fmt: skip


def build(**changes):
    return Build.model_validate(RUN | changes)


def run(*arguments, code=0):
    done = CliRunner().invoke(tinyml, ["diff", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def rows(comparison):
    return {row["name"]: row for row in comparison.report()["figures"]}


def test_every_change_has_a_sign_a_verdict_and_a_kind():
    other = build(
        instructions=1100, flash_bytes={"weights": 30, "code": 40, "total": 70}, accuracy={"int8": 0.91, "float": 0.95}
    )
    found = rows(compare(build(), other))
    assert found["instructions"] == {
        "name": "instructions", "unit": "", "a": 1000, "b": 1100, "change": 100, "percent": 10.0, "verdict": "worse",
        "kind": {"a": "measured", "b": "measured"},
    }  # fmt: skip
    assert (found["flash"]["verdict"], found["flash"]["percent"], found["flash"]["kind"]["a"]) == (
        "better",
        -30,
        "exact",
    )
    assert found["accuracy, int8"]["verdict"] == "better"
    assert found["accuracy, float"]["verdict"] == "same"
    assert found["accuracy, emulated"] | {"name": ""} == {
        "name": "", "unit": "", "a": 0.9, "b": None, "change": None, "percent": None, "verdict": "unknown",
        "kind": {"a": "measured", "b": None},
    }  # fmt: skip
    assert found["cycles"]["kind"]["b"] == "estimated"


def test_layers_are_joined_by_name_the_greatest_change_first():
    layers = [{"name": "pool", "kernel": "k", "instructions": 390}, {"name": "head", "kernel": "k", "instructions": 30}]
    found = compare(build(), build(layers=layers)).report()["layers"]
    assert found == [
        {"name": "conv", "instructions": {"a": 600, "b": None}},
        {"name": "head", "instructions": {"a": None, "b": 30}},
        {"name": "pool", "instructions": {"a": 400, "b": 390}},
    ]


def test_what_stands_against_comparing_is_noted():
    cycles = RUN["cycles"] | {"model": "table 2"}
    notes = compare(build(), build(target="nrf52840", cycles=cycles, exact=False)).notes
    assert len(notes) == 3
    assert compare(build(), build()).notes == ()


def test_a_measured_stack_is_not_held_against_a_reserved_one():
    found = compare(build(), build(instructions=None, cycles=None))
    assert rows(found)["SRAM, stack"]["kind"] == {"a": "measured", "b": "reserved"}
    assert rows(found)["SRAM, stack"]["verdict"] == "unknown"
    assert "linker reserves" in found.notes[0]


def test_folders_and_files_of_commands(tmp_path):
    platform = Platform()
    for name, widths in (("a", [4]), ("b", [8])):
        platform.compile(network(widths, seed=1), "stm32f746", tmp_path / name)
        (tmp_path / f"{name}.json").write_text(json.dumps(platform.run(tmp_path / name).report()))
    (tmp_path / "a" / "report.json").write_text((tmp_path / "a.json").read_text())  # as tinyml build leaves it
    compiled, executed = read_build(tmp_path / "b"), read_build(tmp_path / "b.json")
    assert compiled.flash_bytes == executed.flash_bytes
    assert (compiled.instructions, compiled.exact) == (None, None)
    assert read_build(tmp_path / "a") == read_build(tmp_path / "a.json")
    told = json.loads(run(tmp_path / "a", tmp_path / "b.json", "--json"))
    assert {row["name"]: row["verdict"] for row in told["figures"]}["instructions"] == "worse"
    assert "worse" in run(tmp_path / "a", tmp_path / "b.json")


def test_markdown_holds_names_as_text(tmp_path):
    evil = "x`|</code><img src=x>@team [a](b)\n# h"
    layers = [{"name": evil, "kernel": "k", "instructions": 1}]
    (tmp_path / "a.json").write_text(json.dumps(RUN | {"network": evil}))
    (tmp_path / "b.json").write_text(json.dumps(RUN | {"layers": layers, "target": evil}))
    text = run(tmp_path / "a.json", tmp_path / "b.json", "--markdown")
    assert text.splitlines()[0] == COMMENT
    assert "| SRAM (B) | 124 | 124 | +0 | +0.00 |  | measured |" in text.splitlines()
    outside = re.sub(r"<code>[A-Za-z0-9 &#;]*</code>", "", text)
    assert "team" not in outside
    assert set(re.findall(r"<[^>]*>", outside)) == {COMMENT, "<details>", "<summary>", "</summary>", "</details>"}
    widths = {line.count("|") for line in text.splitlines() if line.startswith("|")}
    assert widths == {8, 5}


def test_two_forms_at_once_are_refused(tmp_path):
    done = CliRunner().invoke(tinyml, ["diff", str(tmp_path), str(tmp_path), "--json", "--markdown"])
    assert done.exit_code == 2


WRONG = {
    "nothing": None, "no JSON": b"{", "no object": b"[]", "other keys": b"{}", "not UTF-8": b"\xff\xfe",
    "deep": b"[" * 100_000, "huge": b'{"network": ' + b"9" * 10_000 + b"}",
    "a negative size": json.dumps(RUN | {"flash_bytes": {"weights": 1, "code": 1, "total": -1}}).encode(),
    "no number": json.dumps(RUN | {"accuracy": {"int8": float("nan")}}).encode(),
    "an accuracy above 1": json.dumps(RUN | {"accuracy": {"int8": 2}}).encode(),
    "text for a number": json.dumps(RUN | {"macs": "1"}).encode(),
    "many wrong layers": json.dumps(RUN | {"layers": [{}] * 5000}).encode(),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("inside", [False, True], ids=["file", "folder"])
def test_what_is_no_build_is_told_in_one_sentence(case, inside, tmp_path):
    path = tmp_path / "report.json"
    if WRONG[case] is not None:
        path.write_bytes(WRONG[case])
    with pytest.raises(InputError) as raised:
        read_build(tmp_path if inside else path)
    sentence = str(raised.value)
    assert str(tmp_path) in sentence
    assert "tinyml build" in sentence or "does not exist; check the path" in sentence
    assert len(sentence) < 1000
    assert "\n" not in sentence


def test_a_path_too_long_is_told():
    with pytest.raises(InputError, match="cannot be reached"):
        read_build(Path("x" * 5000))
