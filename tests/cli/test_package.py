"""`tinyml package`: whole or not at all, never out of its folder, and one sentence where something is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from costed_networks import network
from tinyml_core.api.project_writer import CompiledNetwork
from tinyml_core.cli import tinyml
from tinyml_core.component import Component
from tinyml_core.errors import InputError, TinyMLError, UnsupportedError
from tinyml_core.hookspecs import hookimpl
from tinyml_core.pipeline.packaging import MARK, read_network
from tinyml_core.platform import Platform


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled") / "out"
    Platform().compile(network([4], seed=1), "stm32f746", folder)
    return folder


@pytest.fixture
def copy(compiled, tmp_path):
    """A copy of the compiled folder, and a way to change its manifest."""
    folder = tmp_path / "copy"
    shutil.copytree(compiled, folder)

    def change(edit):
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        edit(manifest)
        path.write_text(json.dumps(manifest))
        return folder

    return change


def run(*arguments, code=0):
    done = CliRunner().invoke(tinyml, ["package", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ecosystem", ["cmake", "makefile", "arduino", "cmsis-pack"])
def test_the_same_bytes_every_time(ecosystem, compiled, tmp_path):
    told = json.loads(run(compiled, "--for", ecosystem, "--out", tmp_path / "a", "--json"))
    first = content(tmp_path / "a")
    assert {each["path"]: each["bytes"] for each in told["files"]} == {path: len(data) for path, data in first.items()}
    run(compiled, "--for", ecosystem, "--out", tmp_path / "b")
    run(compiled, "--for", ecosystem, "--out", tmp_path / "a")  # a package is replaced
    assert content(tmp_path / "b") == content(tmp_path / "a") == first
    assert json.loads(first[MARK])["ecosystem"] == ecosystem
    assert {path.rpartition("/")[2] for path in first} >= {"model.h", "model_weights.h", "tinyml_arithmetic.h"}


def test_the_folder_is_named_after_the_prefix(compiled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "README.md" in run(compiled, "--for", "zephyr")
    assert (tmp_path / "model-zephyr" / "zephyr" / "module.yml").is_file()


def test_options_of_the_writer(compiled, tmp_path):
    run(compiled, "--for", "arduino", "--out", tmp_path / "a", "--set", "author=Zoë", "--set", "version=2.0.1")
    assert "version=2.0.1\nauthor=Zoë\n" in (tmp_path / "a" / "library.properties").read_text(encoding="utf-8")


def put(key, value):
    return lambda manifest: manifest["sources"].__setitem__(key, value)


WRONG = {
    "a path for a file": (put("header", "../x.h"), InputError, "'../x.h'"),
    "a path in the library": (put("library", ["/etc/passwd"]), InputError, "'/etc/passwd'"),
    "a file that is not there": (lambda m: m["sources"]["files"].append("none.c"), InputError, "none.c: is no file"),
    "a file outside the list": (put("library", ["other.c"]), InputError, "'other.c'"),
    "no library": (put("library", []), InputError, "0 sources"),
    "an odd alignment": (put("arena_alignment", 12), InputError, "aligned to 12"),
    "a symbol that is code": (put("selftest", "f(); evil"), InputError, "'f\\(\\); evil'"),
    "a prefix that is code": (lambda m: m.update(prefix="a\nb"), InputError, "which no C file"),
    "a long prefix": (lambda m: m.update(prefix="x" * 49), InputError, "which no C file"),
    "an older version": (lambda m: m.update(sources=None), InputError, "compile the network again"),
    "state": (lambda m: m.update(state={"a": "b"}), UnsupportedError, "keeps state"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_manifest_that_lies_is_refused(case, copy, tmp_path):
    edit, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        Platform().package(copy(edit), "arduino", tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_links_and_text_of_other_kinds_are_refused(copy, tmp_path):
    folder = copy(lambda manifest: None)
    (folder / "model.h").write_bytes(b"\xff")
    with pytest.raises(InputError, match="not ASCII"):
        read_network(folder)
    (folder / "model.h").unlink()
    (folder / "model.h").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="is no file"):
        read_network(folder)


def test_a_folder_of_somebody_else_is_left_alone(compiled, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="holds other files"):
        Platform().package(compiled, "zephyr", tmp_path / "mine")
    assert content(tmp_path / "mine") == {"thesis.tex": b"x"}


class Faulty:
    """A writer of someone else: it gives whatever it is told, or raises it."""

    beside = False
    gives: object = None

    def write(self, network: CompiledNetwork):
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


class FaultyPlugin:
    @hookimpl
    def tinyml_project_writers(self):
        return [Component("faulty", Faulty, "gives what it is told")]


@pytest.mark.parametrize(
    "gives",
    [{"../x": ""}, {"/x": ""}, {"a/../../x": ""}, {"a\\b": ""}, {"": ""}, {"./a": ""}, {"a": "", "A": ""}, {"c:x": ""},
     {"tinyml-package.json": ""}, InputError("no")],
    ids=str,
)  # fmt: skip
def test_a_writer_stays_in_its_folder(gives, compiled, tmp_path, monkeypatch):
    monkeypatch.setattr(Faulty, "gives", gives)
    with pytest.raises(TinyMLError):
        Platform(plugins=[FaultyPlugin()]).package(compiled, "faulty", tmp_path / "made" / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ecosystem_is_told(compiled):
    with pytest.raises(TinyMLError, match="did you mean 'zephyr'"):
        Platform().package(compiled, "zepyhr", Path("nowhere"))
