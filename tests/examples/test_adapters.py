"""The adapters to Optuna and pymoo: each a distribution of its own, built, put beside the core, and used by name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = ("optuna", "pymoo")
CORE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="module", params=ADAPTERS)
def adapter(request, tmp_path_factory):
    """Its name, its sources, and a function that runs Python with its wheel on the path."""
    pytest.importorskip(request.param, reason=f"{request.param} comes with the extra test")
    home = tmp_path_factory.mktemp(request.param)
    source = ROOT / "examples" / f"tinyml-{request.param}"
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    built = subprocess.run(
        [sys.executable, "-c", build, str(home)], cwd=source, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(home / built.stdout.split()[-1]) as wheel:
        wheel.extractall(home / "installed")  # a pure wheel is installed by unpacking it: PEP 427
    path = os.pathsep.join([str(home / "installed"), str(ROOT), str(ROOT / "plugins"), str(ROOT / "hw_profiles")])

    def python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments], cwd=home, env={**os.environ, "PYTHONPATH": path},
            capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip

    return request.param, source, python


def test_its_own_tests_pass(adapter, tmp_path):
    _, source, python = adapter
    tests = shutil.copytree(source / "tests", tmp_path / "tests")  # out of reach of the checkout's pytest settings
    run = python("-m", "pytest", str(tests), "-q", "-p", "no:cacheprovider")
    assert run.returncode == 0, run.stdout + run.stderr


def test_its_range_fits_this_core(adapter):
    from packaging.requirements import Requirement

    name, source, _ = adapter
    needed = [
        Requirement(line) for line in tomllib.loads((source / "pyproject.toml").read_text())["project"]["dependencies"]
    ]
    ranges = {requirement.name: requirement.specifier for requirement in needed}
    assert ranges.keys() == {"tinyml-core", name}
    assert ranges["tinyml-core"].contains(CORE)
    assert any(part.operator == "<" for part in ranges["tinyml-core"]), "an upper bound is part of the contract"


def test_listing_it_does_not_import_its_library(adapter):
    name, _, python = adapter
    script = (
        "import sys; from tinyml_core import Platform; from tinyml_core.api.search_strategy import SearchStrategy; "
        f"assert {name!r} in Platform().names(SearchStrategy); print({name!r} in sys.modules)"
    )
    run = python("-c", script)
    assert (run.returncode, run.stdout.strip()) == (0, "False"), run.stderr


def test_a_project_searches_with_it(adapter, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    name, _, python = adapter
    project = tmp_path / "project.yaml"
    project.write_text(
        f"search:\n  strategy: {name}\n  evaluator: {{name: training, options: {{steps: 2}}}}\n"
        "  executor: serial\n  workers: 1\n  evaluations: 4\n  objectives: [cycles, sram_bytes]\n"
    )
    run = python("-m", "tinyml_core", "search", str(project), "--json")
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["strategy"], found["evaluated"], found["objectives"]) == (name, 4, ["cycles", "sram_bytes"])
    assert found["front"]
