"""The example vendor distribution: built, installed beside a built core in a fresh environment, and used there.

Twice: as it is today, and as version 0.1 had it, which every later version of the platform must run unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")

ROOT = Path(__file__).resolve().parents[2]
FROZEN = Path(__file__).parent / "frozen" / "tinyml-acme-0.1"
FROZEN_DIGEST = "7f3b8cbe00fec6923a8eedf5452cce4f995f660797db65248472a801ff24c52b"
PROFILES = sorted(path.name for path in (ROOT / "hw_profiles" / "tinyml_hw_profiles").glob("*.yaml"))


def build(project, folder):
    """The wheel of a project, built without a network by the build backend its pyproject names."""
    script = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    run = subprocess.run(
        [sys.executable, "-c", script, str(folder)], cwd=project, capture_output=True, text=True, check=True
    )
    return folder / run.stdout.split()[-1]


@pytest.fixture(scope="module", params=[ROOT / "examples" / "tinyml-acme", FROZEN], ids=["today", "frozen"])
def acme(request):
    """The project of the distribution."""
    return request.param


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("core"))


@pytest.fixture(scope="module")
def wheels(core, acme, tmp_path_factory):
    return {"core": core, "acme": build(acme, tmp_path_factory.mktemp("acme"))}


@pytest.fixture(scope="module")
def python(wheels, tmp_path_factory):
    """Run Python in a fresh environment that holds both wheels; third-party packages come from the running one."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    paths = sysconfig.get_paths("venv", vars={"base": str(home), "platbase": str(home)})
    packages = Path(paths["purelib"])
    for wheel in wheels.values():  # a pure wheel is installed by unpacking it: PEP 427
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
    # A directory named by a .pth file comes after the environment's own packages, and its .pth files are not read: so
    # an editable tinyml-core of the running environment stays out of sight.
    (packages / "third-party.pth").write_text(sysconfig.get_path("purelib") + "\n")
    interpreter = Path(paths["scripts"]) / ("python.exe" if os.name == "nt" else "python")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TINYML"))}

    def run(*arguments):
        return subprocess.run(
            [str(interpreter), *arguments], cwd=home, env=environment, capture_output=True, text=True, timeout=900
        )

    return run


@pytest.fixture
def tinyml(python):
    """Run the installed command line and return the object it prints."""

    def run(*arguments):
        done = python("-c", "from tinyml_core.cli import main; main()", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_nobody_has_touched_the_frozen_one():
    digest = hashlib.sha256()
    for path in sorted(FROZEN.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(FROZEN).as_posix()}\0".encode() + path.read_bytes())
    assert digest.hexdigest() == FROZEN_DIGEST


def test_the_core_wheel_holds_the_three_packages(core):
    with zipfile.ZipFile(core) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names} == {
        "tinyml_core", "tinyml_plugins", "tinyml_hw_profiles", "tinyml_core-0.1.0.dist-info",
    }  # fmt: skip
    assert {name for name in names if name.endswith("py.typed")} == {
        "tinyml_core/py.typed", "tinyml_plugins/py.typed", "tinyml_hw_profiles/py.typed",
    }  # fmt: skip
    shipped = [Path(name).name for name in names if Path(name).match("tinyml_hw_profiles/*.yaml")]
    assert sorted(shipped) == PROFILES
    assert not [name for name in names if "__pycache__" in name]


def test_every_module_of_the_tree_is_in_the_core_wheel(core):
    with zipfile.ZipFile(core) as archive:
        shipped = {name for name in archive.namelist() if not name.startswith("tinyml_core-")}
    present = {
        path.relative_to(root).as_posix()
        for root, package in (
            (ROOT, "tinyml_core"),
            (ROOT / "plugins", "tinyml_plugins"),
            (ROOT / "hw_profiles", "tinyml_hw_profiles"),
        )
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert shipped == present


def test_the_acme_wheel_holds_one_package_and_its_profile(wheels, acme):
    with zipfile.ZipFile(wheels["acme"]) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        entry_points = archive.read("tinyml_acme-0.1.0.dist-info/entry_points.txt").decode()
        metadata = archive.read("tinyml_acme-0.1.0.dist-info/METADATA").decode()
    assert sorted(names) == sorted(
        path.relative_to(acme / "src").as_posix()
        for path in (acme / "src" / "tinyml_acme").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    assert {"tinyml_acme/acme-am33.yaml", "tinyml_acme/py.typed"} <= set(names)
    assert "acme = tinyml_acme.hooks" in entry_points
    assert "Requires-Dist: tinyml-core<0.2,>=0.1" in metadata


def test_the_range_of_the_example_fits_this_core(acme):
    from packaging.requirements import Requirement

    core = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    requirements = tomllib.loads((acme / "pyproject.toml").read_text())["project"]["dependencies"]
    (needed,) = [Requirement(line) for line in requirements if line.startswith("tinyml-core")]
    assert needed.specifier.contains(core)
    assert any(part.operator == "<" for part in needed.specifier), "an upper bound is part of the contract"


def test_the_installed_core_is_the_one_imported(python):
    script = "import tinyml_core, tinyml_acme, tinyml_hw_profiles, tinyml_plugins as p; " + "; ".join(
        f"print({package}.__file__)" for package in ("tinyml_core", "tinyml_acme", "tinyml_hw_profiles", "p")
    )
    run = python("-c", script)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 4
    assert str(ROOT) not in run.stdout


def test_plugins_list_shows_what_acme_brings(tinyml):
    (acme,) = [plugin for plugin in tinyml("plugins", "list")["plugins"] if plugin["name"] == "acme"]
    assert (acme["distribution"], acme["version"], acme["status"]) == ("tinyml-acme", "0.1.0", "LOADED")
    assert {component["name"] for component in acme["components"]} == {"acme-am33", "acme-energy", "hill-climbing"}


def test_targets_show_the_part_beside_the_bundled_ones(tinyml):
    targets = {target["name"]: target for target in tinyml("targets")["targets"]}
    assert targets["acme-am33"]["largest_sram_bytes"] == 192 * 1024
    assert {name.removesuffix(".yaml") for name in PROFILES} < targets.keys()


def test_its_options_are_shown(tinyml):
    (option,) = tinyml("show", "search-strategy", "hill-climbing")["options"]
    assert option["name"] == "patience"
    assert option["default"] in (16, "16")


def test_its_own_tests_pass_there(python, acme, tmp_path):
    tests = shutil.copytree(acme / "tests", tmp_path / "tests")  # out of reach of the checkout's pytest settings
    run = python("-m", "pytest", str(tests), "-q", "-p", "no:cacheprovider")
    assert run.returncode == 0, run.stdout + run.stderr
    assert str(ROOT) not in run.stdout


def test_a_search_by_its_strategy_within_its_energy_limit(tinyml, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    project = tmp_path / "project.yaml"
    project.write_text(
        "target: acme-am33\n"
        "search:\n"
        "  strategy: {name: hill-climbing, options: {patience: 4}}\n"
        "  evaluator: {name: training, options: {steps: 2}}\n"
        "  cost_models: [analytic, acme-energy]\n"
        "  executor: serial\n"
        "  workers: 1\n"
        "  evaluations: 3\n"
        "  limits: {microjoules: 400, sram_bytes: 64000}\n"
    )
    found = tinyml("search", str(project))
    assert found["strategy"] == "hill-climbing"
    assert found["target"] == "acme-am33"
    assert found["evaluated"] == 3
    costs = found["best"]["costs"]
    assert 0 < costs["microjoules"] <= 400
    assert costs["microjoules"] == pytest.approx(costs["cycles"] * 0.12e-3)
