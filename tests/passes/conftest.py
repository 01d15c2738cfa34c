"""What the tests of the passes share."""

import runpy
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dead_channel_graph():
    """``dead_channel_graph(seed, rounding, dead)``: a random int8 network with many dead channels."""
    path = Path(__file__).with_name("dead_channel_graphs.py")  # tests are no package, so it cannot be imported by name
    return runpy.run_path(str(path))["dead_channel_graph"]
