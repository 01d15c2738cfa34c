"""Who may import whom, what a start costs, and whether the installed entry points are those of the checkout."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import importlib_metadata
import pytest

from tinyml_core.discovery import discover

ROOT = Path(__file__).parents[2]
SOURCES = {"tinyml_core": ROOT, "tinyml_plugins": ROOT / "plugins", "tinyml_hw_profiles": ROOT / "hw_profiles"}
BUNDLED = ("tinyml_plugins", "tinyml_hw_profiles")
HEAVY = {"torch", "numpy", "onnx", "yaml", "pluggy", "pydantic", "rich", "jinja2", *BUNDLED}

# cli -> platform -> {search, manager} -> api -> {program, arithmetic} -> {graph, hardware}; a module imports its own
# floor and those below. The longest prefix counts; what is not listed lives beside the platform.
FLOORS = {
    **dict.fromkeys(("errors", "suggestion", "kinds", "component", "events", "validation", "deprecations"), 0),
    **dict.fromkeys(("yaml_reader", "npz", "input_file", "scaffold"), 0),
    **dict.fromkeys(("graph", "hardware"), 1),
    **dict.fromkeys(("program", "arithmetic", "quantization", "search.candidate", "search.trial"), 2),
    **dict.fromkeys(("api", "hookspecs"), 3),
    **dict.fromkeys(("discovery", "options", "option_table", "provenance", "manager", "registry", "search"), 4),
    "training": 4,
    "platform": 5,
    **dict.fromkeys(("cli", "testing", "__main__"), 6),
}


def floor(module):
    inner = module.removeprefix("tinyml_core").lstrip(".")
    if not inner:
        return 0
    parts = inner.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((FLOORS[prefix] for prefix in prefixes if prefix in FLOORS), FLOORS["platform"])


def modules():
    for package, folder in SOURCES.items():
        for path in sorted((folder / package).rglob("*.py")):
            name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def run_time(tree):
    """Every node but those below ``if TYPE_CHECKING``."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        guarded = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        pending += node.orelse if guarded else ast.iter_child_nodes(node)


def imported(nodes):
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in NAMES else node.module for name in inner)


def addresses(tree):
    """Modules named as text, as components name their factories."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = re.fullmatch(r"((?:tinyml_plugins|tinyml_hw_profiles)(?:\.\w+)*)(?::[\w.]+)?", node.value)
            if found:
                yield found[1]


MODULES = list(modules())
NAMES = {name for name, _ in MODULES}


def owner(module):
    """The plugin a bundled module belongs to."""
    return ".".join(module.split(".")[: 2 if module.startswith("tinyml_plugins") else 1])


def test_core_knows_no_plugin():
    core = [(name, tree) for name, tree in MODULES if name.startswith("tinyml_core")]
    wrong = {
        name: target
        for name, tree in core
        for target in [*imported(ast.walk(tree)), *addresses(tree)]
        if target.startswith(BUNDLED)
    }
    assert len(core) > 30
    assert wrong == {}


def test_plugins_do_not_know_each_other():
    wrong = [
        (name, target)
        for name, tree in MODULES
        if name.startswith(BUNDLED)
        for target in [*imported(ast.walk(tree)), *addresses(tree)]
        if target.startswith(BUNDLED) and owner(target) != owner(name)
    ]
    assert wrong == []


def test_core_imports_downwards_only():
    wrong = [
        f"{name} (floor {floor(name)}) imports {target} (floor {floor(target)})"
        for name, tree in MODULES
        # The package's own __getattr__ gives the Platform to those who ask, and imports nothing before.
        if name.startswith("tinyml_core.")
        for target in imported(run_time(tree))
        if target.startswith("tinyml_core") and floor(target) > floor(name)
    ]
    assert wrong == []


def test_plugins_leave_the_command_line_alone():
    wrong = [
        (name, target)
        for name, tree in MODULES
        if name.startswith(BUNDLED)
        for target in imported(run_time(tree))
        if target.startswith("tinyml_core") and floor(target) == FLOORS["cli"]
    ]
    assert wrong == []


def loaded_by(code):
    """Top-level modules a fresh interpreter holds after ``code``, without those it starts with."""
    report = (
        f"import json, sys\nbefore = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, timeout=600, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def foreign(names):
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments):
    loaded = loaded_by(f"from tinyml_core.cli import main\ntry:\n    main({arguments})\nexcept SystemExit: pass")
    assert foreign(loaded) & HEAVY == set()
    metadata = {normal(requirement) for requirement in importlib_metadata.requires("importlib_metadata") or ()}
    allowed = {"click", "colorama", "importlib_metadata", "typing_extensions", "tinyml_core"} | metadata
    assert foreign(loaded) <= allowed
    light = {"tinyml_core", "tinyml_core.cli", "tinyml_core.cli.output", "tinyml_core.discovery", "tinyml_core.errors"}
    assert {name for name in loaded if name.startswith("tinyml_core")} <= light


def normal(requirement):
    return re.split(r"[^\w.-]", requirement)[0].replace("-", "_")


def test_importing_the_package_is_free():
    assert foreign(loaded_by("import tinyml_core")) <= {"tinyml_core"}


@pytest.mark.parametrize(
    "entry", [e for e in discover("tinyml_core") if e.module.startswith(BUNDLED)], ids=lambda e: e.name
)
def test_hooks_module_is_light(entry):
    loaded = loaded_by(f"import {entry.module}")
    assert foreign(loaded) <= {"pluggy", "tinyml_core", *BUNDLED}
    floors = {floor(name) for name in loaded if name.startswith("tinyml_core")}
    assert max(floors) <= FLOORS["hookspecs"]


def test_entry_points_are_those_of_the_checkout():
    folders = {
        f"{package}.{'.'.join(path.relative_to(SOURCES[package] / package).with_suffix('').parts)}"
        for package in BUNDLED
        for path in (SOURCES[package] / package).rglob("hooks.py")
    }
    installed = {entry.module for entry in discover("tinyml_core") if entry.module.startswith(BUNDLED)}
    assert installed == folders, "the installed entry points are not those of the checkout: run pip install -e . again"
