"""From an empty folder to a plugin that a machine says is right, in a fresh environment without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import importlib_metadata
import pytest
from packaging.requirements import Requirement

from tinyml_core.scaffold.writing import KINDS

pytest.importorskip("hatchling")
pytest.importorskip("ziglang", reason="the compiler is an extra: pip install tinyml-core[sim]")
pytest.importorskip("unicorn", reason="the emulator is an extra: pip install tinyml-core[sim]")

ROOT = Path(__file__).resolve().parents[2]
WANTED = ("tinyml-core[sim]", "hatchling", "pytest")


def closure(lines):
    """The names of the distributions that requirements need, extras included, in turn."""
    found, pending = set(), [Requirement(line) for line in lines]
    seen = set()
    while pending:
        requirement = pending.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        found.add(requirement.name)
        for line in importlib_metadata.requires(requirement.name) or ():
            needed = Requirement(line)
            extras = [{"extra": extra} for extra in requirement.extras or ("",)]
            if needed.marker is None or any(needed.marker.evaluate(extra) for extra in extras):
                pending.append(needed)
    return found - {"tinyml-core"}


def link(distribution, packages):
    """Show an installed distribution to another environment: what it has put beside others, and no more."""
    files = importlib_metadata.distribution(distribution).files or ()
    for name in {path.parts[0] for path in files} - {"..", "__pycache__"}:
        source, place = Path(sysconfig.get_path("purelib"), name), packages / name
        if source.exists() and not place.exists():
            place.symlink_to(source)


class Environment:
    """A fresh virtual environment with the core's wheel and what it needs; torch is not among that."""

    def __init__(self, home):
        self.home = home / "work"
        self.home.mkdir()
        venv.create(home / "venv", with_pip=False)
        paths = sysconfig.get_paths("venv", vars={"base": str(home / "venv"), "platbase": str(home / "venv")})
        packages = Path(paths["purelib"])
        self.python = Path(paths["scripts"]) / ("python.exe" if os.name == "nt" else "python")
        build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
        built = subprocess.run(
            [sys.executable, "-c", build, str(home)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        with zipfile.ZipFile(home / built.stdout.split()[-1]) as archive:
            archive.extractall(packages)  # a pure wheel is installed by unpacking it: PEP 427
        for distribution in closure(WANTED):
            link(distribution, packages)

    def run(self, *arguments):
        """Run Python there, away from this checkout."""
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "TINYML"))}
        return subprocess.run(
            [str(self.python), *arguments], cwd=self.home, env=variables, capture_output=True, text=True, timeout=900,
            check=False,
        )  # fmt: skip

    def tinyml(self, *arguments):
        """Run the command line there."""
        return self.run("-m", "tinyml_core", *arguments)

    def install(self, folder):
        """``pip install -e`` without a network: what the plugin needs must be there."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet", "--no-index"]
        command = [*pip, "--no-build-isolation", "--no-cache-dir", "-e", folder]
        return subprocess.run(command, cwd=self.home, capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    pytest.importorskip("pip")
    return Environment(tmp_path_factory.mktemp("author"))


@pytest.mark.slow
def test_the_environment_has_no_torch(environment):
    assert "No module named 'torch'" in environment.run("-c", "import torch").stderr
    assert str(ROOT) not in environment.run("-c", "import tinyml_core; print(tinyml_core.__file__)").stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_new_install_list_check(environment, kind):
    name = f"acme-{kind.partition('-')[0]}"
    made = environment.tinyml("plugins", "new", name, "--kind", kind)
    assert made.returncode == 0, made.stderr
    installed = environment.install(f"tinyml-{name}")
    assert installed.returncode == 0, installed.stderr

    listed = json.loads(environment.tinyml("plugins", "list", "--json").stdout)["plugins"]
    (row,) = [row for row in listed if row["name"] == name]
    assert (row["status"], row["distribution"]) == ("LOADED", f"tinyml-{name}")
    assert [(each["kind"], each["name"]) for each in row["components"]] == [(kind, name)]

    checked = environment.tinyml("plugins", "check", name, "--json")
    (report,) = json.loads(checked.stdout)["plugins"]
    assert (checked.returncode, report["failed"]) == (0, 0), checked.stdout
    skipped = {row["check"]: row["detail"] for row in report["checks"] if row["outcome"] == "skipped"}
    assert skipped == {}

    frozen = environment.tinyml("plugins", "freeze").stdout.splitlines()
    assert any(line.startswith(f"tinyml-{name}==0.1.0") for line in frozen)
    tested = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", f"tinyml-{name}/tests")
    assert tested.returncode == 0, tested.stdout + tested.stderr
