"""Every example distribution: its own tests pass beside this core, whose public modules are all that it uses."""

from __future__ import annotations

import ast
import shutil
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
CORE = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
NEEDS = {
    "esp32c3": ("unicorn", "ziglang", "elftools"),
    "kernels": ("unicorn", "ziglang", "elftools"),
    "lion": ("unicorn", "ziglang", "elftools"),
    "optuna": ("optuna",),
    "pymoo": ("pymoo",),
}
"""What the tests of each import."""
PUBLIC = (
    "api", "arithmetic.lowering", "arithmetic.requantise", "component", "errors", "graph", "hardware", "hookspecs",
    "pipeline.generation", "platform", "program", "search", "testing", "training",
)  # fmt: skip
"""What docs/versioning.md calls stable or provisional."""
ALL = sorted(path.name.removeprefix("tinyml-") for path in (ROOT / "examples").glob("tinyml-*"))


def test_every_example_is_tested():
    assert {*NEEDS, "acme"} == set(ALL), "acme has tests of its own"


@pytest.mark.parametrize("name", NEEDS)
def test_its_own_tests_pass(distribution, tmp_path, name):
    for module in NEEDS[name]:
        pytest.importorskip(module)
    example = distribution(name)
    tests = shutil.copytree(example.source / "tests", tmp_path / "tests")  # out of reach of the checkout's settings
    run = example.python("-m", "pytest", str(tests), "-q", "-p", "no:cacheprovider")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", ALL)
def test_its_range_fits_this_core(name):
    project = tomllib.loads((ROOT / "examples" / f"tinyml-{name}" / "pyproject.toml").read_text())["project"]
    ranges = {each.name: each.specifier for each in map(Requirement, project["dependencies"])}
    assert ranges["tinyml-core"].contains(CORE)
    assert any(part.operator == "<" for part in ranges["tinyml-core"]), "an upper bound is part of the contract"


def imports(folder):
    """Pairs of a file and a module that it imports."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from ((path, name) for name in names)


@pytest.mark.parametrize("name", ALL)
def test_it_uses_no_bundled_plugin(name):
    found = list(imports(ROOT / "examples" / f"tinyml-{name}"))
    assert any(module.startswith("tinyml_core") for _, module in found)
    for path, module in found:
        assert not module.startswith(("tinyml_plugins", "tinyml_hw_profiles")), f"{path} imports {module}"


@pytest.mark.parametrize("name", ALL)
def test_it_uses_public_modules(name):
    for path, module in imports(ROOT / "examples" / f"tinyml-{name}" / "src"):
        inner = module.removeprefix("tinyml_core").lstrip(".")
        if module.startswith("tinyml_core") and inner:
            public = any(inner == each or inner.startswith(f"{each}.") for each in PUBLIC)
            assert public, f"{path} imports {module}"


@pytest.mark.parametrize(
    ("name", "library"),
    [("optuna", "optuna"), ("pymoo", "pymoo"), ("esp32c3", "unicorn"), ("kernels", "tinyml_kernels.clamp")],
)
def test_listing_it_imports_nothing_heavy(distribution, name, library):
    script = (
        "import sys; from tinyml_core import Platform; "
        f"record = next(each for each in Platform().describe() if each.name == {name!r}); "
        f"print(record.status, {library!r} in sys.modules)"
    )
    run = distribution(name).python("-c", script)
    assert (run.returncode, run.stdout.strip()) == (0, "LOADED False"), run.stderr
