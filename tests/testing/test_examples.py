"""Every example distribution passes the kit, as its makers would run it."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tinyml_core.platform import Platform
from tinyml_core.testing.conformance import check_plugin

EXAMPLES = Path(__file__).parents[2] / "examples"
PROJECTS = sorted(path.parent for path in EXAMPLES.glob("*/pyproject.toml"))
MODULES = {"pyelftools": "elftools"}
"""What to import of distributions that are called otherwise."""


def lay_out(project, folder, path):
    """The metadata that pip would write, from the project's own table; the sources stay where they are."""
    table = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    for line in table["dependencies"]:
        name = Requirement(line).name
        if importlib.util.find_spec(MODULES.get(name, name).replace("-", "_")) is None:
            pytest.skip(f"{name} is not installed")
    metadata = folder / f"{table['name'].replace('-', '_')}-{table['version']}.dist-info"
    metadata.mkdir()
    requires = "".join(f"Requires-Dist: {line}\n" for line in table["dependencies"])
    head = f"Metadata-Version: 2.4\nName: {table['name']}\nVersion: {table['version']}\n{requires}"
    (metadata / "METADATA").write_text(f"{head}\n{(project / table['readme']).read_text()}")
    points = "".join(f"{name} = {module}\n" for name, module in table["entry-points"]["tinyml_core"].items())
    (metadata / "entry_points.txt").write_text(f"[tinyml_core]\n{points}")
    path.syspath_prepend(project / "src")
    path.syspath_prepend(folder)
    return table["entry-points"]["tinyml_core"]


@pytest.mark.slow
@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_an_example_passes(project, tmp_path, monkeypatch):
    plugins = lay_out(project, tmp_path, monkeypatch)
    platform = Platform()
    for record in [record for record in platform.describe() if record.name in plugins]:
        failed = {
            f"{finding.subject.name} {finding.check.name}": finding.detail
            for finding in check_plugin(platform, record)
            if finding.outcome == "failed"
        }
        assert failed == {}
    assert plugins.keys() <= {record.name for record in platform.describe()}
