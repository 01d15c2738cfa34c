"""The classes that authors subclass: one test for each check, without pytest in the kit itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import pytest

from broken_plugins.costs import Falling
from tinyml_core.component import Component
from tinyml_core.kinds import KINDS
from tinyml_core.platform import Platform
from tinyml_core.testing import conformance
from tinyml_core.testing.conformance import Conformance, CostModelConformance, DatasetConformance, Violation
from tinyml_core.testing.conformance.table import OF_PLUGINS, checks_of

ROOT = Path(__file__).parents[2]


class TestSound(CostModelConformance):
    component = "costs:energy"
    options = {"cycles_from": "analytic"}  # noqa: RUF012 - as an author writes it


class Broken(CostModelConformance):
    component = "broken"

    def platform(self):
        def tinyml_cost_models():
            return [Component("broken", Falling, "falls")]

        from types import SimpleNamespace

        from tinyml_core.hookspecs import hookimpl

        return Platform(plugins=[SimpleNamespace(__name__="b", tinyml_cost_models=hookimpl(tinyml_cost_models))])


class Homeless(DatasetConformance):
    component = "npz"


def test_a_violation_fails_and_a_check_that_has_nothing_to_say_skips():
    with pytest.raises(Violation, match="cycles falls"):
        Broken().test_costs_never_fall_with_another_operator()
    Broken().test_equal_layers_cost_alike()
    with pytest.raises(SkipTest, match="needs the option path"):
        Homeless().test_splits_share_no_sample()


def test_there_is_a_class_for_each_kind_with_a_test_for_each_check():
    offered = [getattr(conformance, name) for name in conformance.__all__ if name.endswith("Conformance")]
    classes = {each.kind: each for each in offered if each is not Conformance}
    assert classes.keys() == KINDS.keys()
    for kind, of_kind in classes.items():
        tests = {name for name in dir(of_kind) if name.startswith("test_")}
        assert tests == {f"test_{check.run.__name__}" for check in (*OF_PLUGINS, *checks_of(kind))}


def test_the_kit_needs_neither_pytest_nor_torch():
    script = "import sys, tinyml_core.testing.conformance; print({'pytest', 'torch', 'hypothesis'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "set()"


def test_the_table_in_the_documentation_is_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "docs" / "generate_checks.py", "--check"], check=False)
    assert done.returncode == 0, "run: python docs/generate_checks.py"
