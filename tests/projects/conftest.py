"""Networks as project writers get them, and a folder to write them into."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiled_networks.network import make_network
from costed_networks import network as make_graph
from tinyml_core.api.project_writer import CompiledNetwork, ProjectWriter
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import FullyConnected
from tinyml_core.platform import Platform

HOSTILE = 'ne"t</name>${HOME}\n#include <x>\n*/ @team | {{7*7}} \u202e\x1b[31m'
"""A name that would mean something to every language that the files are in."""


def compiled(graph, prefix="model", name="net"):
    made = make_network(graph, prefix, "cortex-m7")
    return CompiledNetwork(
        name, prefix, made.program.profile, made.program.region, 2048, made.program.arena_bytes,
        made.program.arena_alignment, made.code,
    )  # fmt: skip


@pytest.fixture(scope="session")
def network():
    """An int8 network under a hostile name."""
    return compiled(make_graph([8, 0], seed=3, head=True), name=HOSTILE)


@pytest.fixture(scope="session")
def harmless(network):
    return replace(network, name="net")


@pytest.fixture(scope="session")
def float_network():
    b, rng = GraphBuilder("floats"), np.random.default_rng(0)
    x = b.input("x", (1, 32), DType.FLOAT32)
    w = b.constant("w", rng.standard_normal((8, 32)).astype(np.float32))
    bias = b.constant("b", rng.standard_normal(8).astype(np.float32))
    return compiled(b.build([b.node(FullyConnected(), [x, w, bias], name="y")]), "floats", "floats")


@pytest.fixture(scope="session")
def platform():
    return Platform()


@pytest.fixture
def write(platform, tmp_path):
    """Write a network for an ecosystem into a folder of its own."""

    def written(ecosystem: str, network: CompiledNetwork, **options) -> Path:
        folder = tmp_path / ecosystem
        for path, content in platform.create(ProjectWriter, ecosystem, options).write(network).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return written


@pytest.fixture
def program():
    """The path of a program, or a skip where it is not installed."""

    def found(*names: str) -> str:
        beside = Path(sys.executable).parent
        for name in names:
            if path := shutil.which(name) or shutil.which(name, path=str(beside)):
                return path
        pytest.skip(f"{names[0]} is not installed")

    return found
