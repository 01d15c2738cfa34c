"""Checks of a plugin as a whole: its hooks module, its metadata and its README."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib import import_module
from typing import Any

import importlib_metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tinyml_core import __version__, hookspecs
from tinyml_core.discovery import BUNDLED, normalised
from tinyml_core.kinds import KINDS
from tinyml_core.provenance import Status
from tinyml_core.testing.conformance.check import Check, NotApplicable, require
from tinyml_core.testing.conformance.subject import Subject

MOST_MODULES = 16
"""Modules that a hooks module may load beyond those every plugin shares."""
ALLOWED = ("tinyml_core", "pluggy")
"""What a hooks module may import beside the standard library and its own package."""
PATIENCE = 300
"""Seconds that a hooks module or an example of a README may take."""

_IMPORT = """
import importlib, json, sys
import tinyml_core.component, tinyml_core.hardware.files, tinyml_core.hookspecs
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(set(sys.modules) - before)))
"""
_PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def loads(subject: Subject) -> None:
    """The plugin loads: its hooks module can be imported, and what it registers is usable."""
    plugin = subject.plugin
    require(plugin.status is Status.LOADED, f"it is {plugin.status}: {plugin.cause}")


def hooks_module_is_light(subject: Subject) -> None:
    """The hooks module imports nothing beyond the standard library, pluggy, the core and a few modules of its own."""
    loaded = _imported_by(_module(subject))
    own = _module(subject).partition(".")[0]
    heavy = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {own, *ALLOWED}
    require(not heavy, f"it imports {', '.join(sorted(heavy))}; name heavy modules by 'package.module:attribute'")
    require(len(loaded) <= MOST_MODULES, f"it imports {len(loaded)} modules, {MOST_MODULES} are the most")


def declares_the_core_it_needs(subject: Subject) -> None:
    """The distribution depends on a range of tinyml-core that has both ends and holds the core that runs."""
    if subject.plugin.distribution == BUNDLED:
        return
    ranges = [
        requirement.specifier
        for requirement in map(Requirement, _distribution(subject).requires or ())
        if normalised(requirement.name) == BUNDLED and _applies(requirement)
    ]
    require(ranges, "tinyml-core is not among its dependencies; add 'tinyml-core>=0.1,<0.2'")
    for found in ranges:
        require(_is_bounded(found), f"'tinyml-core{found}' is open at an end; say such as 'tinyml-core>=0.1,<0.2'")
        require(found.contains(__version__, prereleases=True), f"'tinyml-core{found}' leaves out {__version__}")


def annotations_are_those_of_the_hooks(subject: Subject) -> None:
    """A hook that says what it returns says an iterable of components of the kind's own Protocol."""
    iterable = re.compile(r"(?:[\w.]*\.)?(?:Iterable|Iterator|Generator|Sequence|Collection|list|tuple)\[.*\]")
    for hook, function in _implementations(subject).items():
        said = inspect.get_annotations(function).get("return")
        if said is None or hook == "tinyml_event":
            continue
        text = said if isinstance(said, str) else str(said)
        protocol = next(kind.protocol for kind in KINDS.values() if kind.hook == hook).rpartition(":")[2]
        fits = iterable.fullmatch(text) and re.search(rf"\bComponent\[(?:[\w.]*\.)?{protocol}\]", text)
        require(fits, f"{hook} says it returns {text}; it returns Iterable[Component[{protocol}]]")


def registers_the_same_each_time(subject: Subject) -> None:
    """A registration hook that is called again returns components of the same names in the same order."""
    for hook, function in _implementations(subject).items():
        if hook != "tinyml_event":
            first, second = ([component.name for component in function()] for _ in range(2))
            registered = [offer.component.name for offer in subject.plugin.contributions if offer.hook == hook]
            require(first == second == registered, f"{hook} returned {registered}, then {first}, then {second}")


def examples_of_the_readme_run(subject: Subject) -> None:
    """Every Python block of the distribution's README runs."""
    if subject.plugin.distribution == BUNDLED:
        return  # what the README of the core says is not about a plugin
    description = str(_distribution(subject).metadata.get("Description") or "")
    blocks = _PYTHON_BLOCK.findall(description)
    if not blocks:
        raise NotApplicable("its README has no Python block")
    for number, block in enumerate(blocks, start=1):
        with tempfile.TemporaryDirectory() as folder:
            done = _python(["-c", block], folder)
        require(done.returncode == 0, f"block {number}: {(done.stderr.strip().splitlines() or ['exit'])[-1]}")


def _module(subject: Subject) -> str:
    if not subject.plugin.distribution:
        raise NotApplicable("it is an object of the calling program, no installed distribution")
    return subject.plugin.module.partition(":")[0]


def _distribution(subject: Subject) -> importlib_metadata.Distribution:
    _module(subject)
    found: importlib_metadata.Distribution = importlib_metadata.Distribution.from_name(subject.plugin.distribution)
    return found


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _is_bounded(found: SpecifierSet) -> bool:
    operators = {part.operator for part in found}
    return bool(operators & {"==", "===", "~="}) or bool(operators & {"<", "<="} and operators & {">", ">="})


def _implementations(subject: Subject) -> dict[str, Any]:
    module, _, attribute = subject.plugin.module.partition(":")
    _module(subject)
    plugin: Any = import_module(module)
    for part in attribute.split(".") if attribute else ():
        plugin = getattr(plugin, part)
    return {hook: getattr(plugin, hook) for hook in subject.plugin.hooks if hasattr(hookspecs, hook)}


def _imported_by(module: str) -> list[str]:
    done = _python(["-c", _IMPORT, module], None)
    require(done.returncode == 0, f"importing it alone fails: {(done.stderr.strip().splitlines() or ['exit'])[-1]}")
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def _python(arguments: list[str], folder: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip


CHECKS = (
    Check(loads),
    Check(hooks_module_is_light),
    Check(declares_the_core_it_needs),
    Check(annotations_are_those_of_the_hooks),
    Check(registers_the_same_each_time),
    Check(examples_of_the_readme_run),
)
"""Those of every plugin; where the first fails, the others have nothing to look at."""
