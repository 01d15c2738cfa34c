"""What the tests of the code generator share, as fixtures."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path

import pytest

from compiled_networks.network import make_profile
from compiled_networks.running import WARNINGS, write_sources


@pytest.fixture(name="make_profile")
def make_profile_fixture():
    """Builder of profiles by core."""
    return make_profile


@pytest.fixture(name="write_sources")
def write_sources_fixture():
    """Writer of the files of networks."""
    return write_sources


@pytest.fixture(scope="session")
def layer_graphs():
    """Single layers of awkward shapes, by rounding, from all the files that hold some.

    Compiling them all takes minutes: tests that do so for several targets give each its ``share`` (number, of all).
    """
    paths = sorted(Path(__file__).parent.glob("*_graphs.py"))  # tests are no package, so none can be imported by name
    files = [path for path in paths if not path.name.startswith("test_")]
    every = cache(lambda rounding: [g for path in files for g in runpy.run_path(str(path))["layers"](rounding)])

    def graphs(*roundings, share=(0, 1)):
        return [graph for rounding in roundings for graph in every(rounding)][share[0] :: share[1]]

    return graphs


@pytest.fixture
def strict_flags() -> tuple[str, ...]:
    """Every warning that generated code has to be free of."""
    return WARNINGS
