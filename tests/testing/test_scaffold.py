"""New plugins: what they are called, what is written, and how little of it is code."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest
import yaml
from click.testing import CliRunner

from tinyml_core import __version__
from tinyml_core.cli import tinyml
from tinyml_core.errors import InputError
from tinyml_core.kinds import KINDS as EVERY_KIND
from tinyml_core.scaffold.names import LONGEST, Names, core_range
from tinyml_core.scaffold.writing import KINDS, write_plugin

MOST_LINES = {"hardware-profile": 6, "search-strategy": 40}
"""Lines of Python, of those kinds that promise to be short."""


def lines_of_code(folder):
    texts = [path.read_text() for path in sorted((folder / "src").rglob("*.py")) if path.name != "__init__.py"]
    return sum(bool(line.strip()) for text in texts for line in text.splitlines())


def test_first_class_kinds_have_templates():
    assert set(KINDS) == {kind.name for kind in EVERY_KIND.values() if kind.tier == "first-class"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["acme", "a" + "-b2" * 10], ids=["short", "long"])
def test_what_is_written(kind, name, tmp_path):
    files = write_plugin(name, kind, tmp_path / "new")
    written = {path.relative_to(tmp_path / "new").as_posix(): path.read_text() for path in files}
    package = f"tinyml_{name.replace('-', '_')}"
    project = tomllib.loads(written["pyproject.toml"])["project"]
    assert project["entry-points"]["tinyml_core"] == {name: f"{package}.hooks"}
    assert project["dependencies"] == [f"tinyml-core{core_range(__version__)}"]
    steps = yaml.safe_load(written[".github/workflows/test.yml"])["jobs"]["test"]["steps"]
    assert {"run": f"tinyml plugins check {name}"} in steps
    assert "```python" in written["README.md"]
    for path, text in written.items():
        assert "{{ " not in text, path
        assert "{%" not in text, path
        if path.endswith(".py"):
            ast.parse(text)
    assert lines_of_code(tmp_path / "new") <= MOST_LINES.get(kind, 200)


def test_what_is_written_is_in_the_style_of_the_platform(tmp_path):
    pytest.importorskip("ruff")
    for kind in KINDS:
        write_plugin("acme-radio", kind, tmp_path / kind)
    for command in (["check", "--select", "E,F,I,B,UP"], ["format", "--check"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--line-length", "120", "--no-cache", str(tmp_path)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "1acme", "acme_radio", "acme--radio", "acme-", "../acme", "acme/radio", "acme radio", "é", "core",
     "plugins", "hw-profiles", "a" * (LONGEST + 1), "acme\n", "{{7*7}}", "-rf"],
)  # fmt: skip
def test_names_that_cannot_be_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="plugin name"):
        Names(name)
    with pytest.raises(InputError):
        write_plugin(name, "cost-model", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "new").mkdir()
    with pytest.raises(InputError, match="exists already"):
        write_plugin("acme", "cost-model", tmp_path / "new")
    assert list(tmp_path.rglob("*")) == [tmp_path / "new"]


def test_a_kind_without_a_template_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no template"):
        write_plugin("acme", "dataset", tmp_path / "new")


@pytest.mark.parametrize(
    ("version", "wanted"), [("0.1.0", ">=0.1,<0.2"), ("0.9.3.dev1", ">=0.9,<0.10"), ("2.3.0", ">=2.3,<3")]
)
def test_the_range_of_a_version(version, wanted):
    assert core_range(version) == wanted


@pytest.mark.parametrize(("name", "what"), [("report", "a plugin"), ("random", "a search-strategy")])
def test_names_that_are_taken_are_refused(name, what, tmp_path):
    arguments = ["plugins", "new", name, "--kind", "search-strategy", "--out", str(tmp_path / "new")]
    result = CliRunner().invoke(tinyml, arguments)
    assert isinstance(result.exception, InputError)
    assert f"is the name of {what} that is installed" in str(result.exception)
    assert not (tmp_path / "new").exists()
