"""Third-party plugins as real distributions: wheels built by hatchling, unpacked where only a subprocess looks."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hatchling.build import build_wheel

# Every plugin leaves a file when it is imported, so that a test can tell that it was not.
MARK = """
import os, pathlib
pathlib.Path(os.environ["TINYML_TEST_MARKS"], __name__.partition(".")[0]).touch()
from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl
"""


@dataclass(frozen=True)
class Fault:
    """A plugin with one thing wrong, and what the platform must make of it."""

    distribution: str
    source: str
    status: str
    cause: str
    """Part of the recorded cause."""
    plugin: str = ""
    """Name of the entry point; by default that of the distribution."""
    requires: Sequence[str] = ("tinyml-core",)

    @property
    def name(self) -> str:
        return self.plugin or self.distribution

    @property
    def package(self) -> str:
        return self.distribution.replace("-", "_")


STRATEGY = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Acme:
    patience: int = 3

    def begin(self, space, rng):
        raise NotImplementedError

@hookimpl
def tinyml_search_strategies():
    return [Component("{name}", Acme, "from {owner}")]
"""

FAULTS = (
    Fault("acme-import-error", "import module_that_is_not_there", "FAILED", "module_that_is_not_there"),
    Fault(
        "acme-wrong-arguments",
        "@hookimpl\ndef tinyml_search_strategies(board):\n    return []",
        "FAILED",
        "tinyml_search_strategies",
    ),
    Fault(
        "acme-unknown-hook",
        "@hookimpl\ndef tinyml_search_strategie():\n    return []",
        "FAILED",
        "did you mean 'tinyml_search_strategies'?",
    ),
    Fault(
        "acme-raising-hook",
        "@hookimpl\ndef tinyml_search_strategies():\n    raise RuntimeError('no toolchain')",
        "FAILED",
        "hook tinyml_search_strategies: RuntimeError: no toolchain",
    ),
    Fault(
        "acme-wrong-result",
        "@hookimpl\ndef tinyml_search_strategies():\n    return ['acme']",
        "FAILED",
        "hook tinyml_search_strategies: returned str, not Component",
    ),
    Fault(
        "acme-other-version",
        STRATEGY.format(name="acme", owner="another time"),
        "INCOMPATIBLE",
        "needs tinyml-core<0.0.1",
        requires=("tinyml-core<0.0.1",),
    ),
    Fault(
        "acme-same-plugin-name",
        STRATEGY.format(name="acme", owner="a namesake"),
        "FAILED",
        "from acme-same-plugin-name 1.0 has the name of the one from tinyml-core",
        plugin="tinynas",
    ),
    Fault(
        "acme-same-component-name",
        STRATEGY.format(name="evolution", owner="a rival"),
        "LOADED",
        "",
    ),
    Fault(
        "acme-slow-import",
        "import time\ntime.sleep(1.5)\n" + STRATEGY.format(name="acme", owner="a slow one"),
        "LOADED",
        "",
    ),
    Fault(
        "acme-late-generator",
        "@hookimpl\ndef tinyml_search_strategies():\n"
        "    yield Component('acme', 'acme:nothing', 'fine')\n    raise LookupError('late')",
        "FAILED",
        "hook tinyml_search_strategies: LookupError: late",
    ),
)


@dataclass(frozen=True)
class Site:
    """A folder of installed distributions, seen by the ``tinyml`` it runs and by nobody else."""

    folder: Path
    marks: Path

    def tinyml(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command line in a process of its own."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TINYML_")}
        variables = {
            **inherited,
            "PYTHONPATH": str(self.folder),
            "TINYML_TEST_MARKS": str(self.marks),
            "COLUMNS": "80",
            **environment,
        }
        return subprocess.run(
            [sys.executable, "-m", "tinyml_core", *arguments],
            cwd=self.marks,
            env=variables,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def imported(self, package: str) -> bool:
        """Whether any run imported ``package`` since the last call."""
        mark = self.marks / package
        found = mark.exists()
        mark.unlink(missing_ok=True)
        return found


def install(folder: Path, distribution: str, source: str, groups: dict[str, dict[str, str]], requires: Sequence[str]):
    """Build a wheel with one package, whose ``hooks`` module is ``source``, and unpack it into ``folder``."""
    project, package = folder.with_name(f"{folder.name}-{distribution}"), distribution.replace("-", "_")
    (project / package).mkdir(parents=True)
    (project / package / "__init__.py").write_text("")
    (project / package / "hooks.py").write_text(MARK + textwrap.dedent(source))
    tables = "".join(
        f'[project.entry-points."{group}"]\n' + "".join(f'{name} = "{target}"\n' for name, target in points.items())
        for group, points in groups.items()
    )
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{distribution}"\nversion = "1.0"\ndependencies = {list(requires)!r}\n{tables}'
    )
    with contextlib.chdir(project):
        wheel = project / build_wheel(str(project))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


@pytest.fixture(scope="session")
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Site]:
    """A new empty :class:`Site`."""

    def make(name: str) -> Site:
        folder = tmp_path_factory.mktemp(name)
        marks = tmp_path_factory.mktemp(f"{name}-marks")
        return Site(folder, marks)

    return make


@pytest.fixture(scope="session")
def install_plugin() -> Callable[..., None]:
    """Install one more distribution into a site; ``hooks`` is the source of its plugin, ``command`` of its command."""

    def make(site: Site, distribution: str, source: str, *, plugin: str = "", command: str = "", requires=()) -> None:
        module = f"{distribution.replace('-', '_')}.hooks"
        groups = {}
        if not command:
            groups["tinyml_core"] = {plugin or distribution: module}
        else:
            groups["tinyml_core.commands"] = {command: f"{module}:command"}
        install(site.folder, distribution, source, groups, requires or ("tinyml-core",))

    return make


@pytest.fixture(scope="session")
def bare(make_site: Callable[[str], Site]) -> Site:
    """Nothing but what is bundled."""
    return make_site("bare")


@pytest.fixture(scope="session", params=[fault.distribution for fault in FAULTS])
def fault(request: pytest.FixtureRequest) -> Fault:
    """Each kind of broken plugin in turn; a test that is about some of them names those as indirect parameters."""
    return next(fault for fault in FAULTS if fault.distribution == request.param)


@pytest.fixture(scope="session")
def broken(fault: Fault, make_site: Callable[[str], Site], install_plugin: Callable[..., None]) -> Site:
    """A site with that one broken plugin."""
    site = make_site(fault.distribution)
    install_plugin(site, fault.distribution, fault.source, plugin=fault.plugin, requires=fault.requires)
    return site
