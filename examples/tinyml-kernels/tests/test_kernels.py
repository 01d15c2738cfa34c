"""The maker's kernels: chosen by the generator's planner, equal to the reference bit for bit, and counted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tinyml_core import Platform
from tinyml_core.api.cost_model import CostModel
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Clamp, Conv2D, Resize
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_core.pipeline.compilation import CompileOptions

SAMPLES = np.random.default_rng(0).integers(-128, 128, (3, 5, 7, 8), dtype=np.int8)


@pytest.fixture(scope="module")
def platform():
    return Platform()


def network(limits=(0.0, 3.0)):
    """A convolution, an upsampling and limits that cannot be fused into anything; 1000 elements, no multiple of 16."""
    b, q = GraphBuilder("upsampling"), Quantization.per_tensor(0.05, -4)
    x = b.input("x", (1, 5, 7, 8), DType.INT8, q)
    weights = np.random.default_rng(1).integers(-127, 128, (8, 1, 1, 8)).astype(np.int8)
    w = b.constant("w", weights, Quantization.per_channel([0.005] * 8, 0))
    x = b.node(Conv2D(), [x, w], quantization=q)
    x = b.node(Resize(size=(25, 5), coordinates="asymmetric", rounding="floor"), [x], quantization=q)
    return b.build([b.node(Clamp(activation=limits), [x], name="limits", quantization=q)])


def run(platform, target, out, graph, **options):
    compiled = platform.compile(graph, target, out, CompileOptions(**options))
    execution = platform.run(out, {"x": SAMPLES})
    assert execution.exact
    return compiled, {layer["kernel"]: layer for layer in execution.report()["layers"]}


@pytest.fixture(scope="module")
def on_the_board(platform, tmp_path_factory):
    return run(platform, "kestrel-km4", tmp_path_factory.mktemp("board") / "out", network())


@pytest.fixture(scope="module")
def bundled(platform, tmp_path_factory):
    """The same core without the kernels."""
    part = platform.target("kestrel-km4")
    part = replace(part, tools=replace(part.tools, kernels=()))
    return run(platform, part, tmp_path_factory.mktemp("bundled") / "out", network())


def test_the_board_brings_its_kernels(on_the_board, bundled):
    kernels = list(on_the_board[1])
    assert kernels[1:] == ["kestrel-nearest", "kestrel-clamp"]
    assert kernels[0] == next(iter(bundled[1])), "the convolution is still the generator's own"
    assert not [name for name in bundled[1] if name.startswith("kestrel")]


def test_they_are_faster_where_they_are_counted(on_the_board, bundled):
    ours = sum(layer["cycles"] for name, layer in on_the_board[1].items() if name.startswith("kestrel"))
    theirs = sum(layer["cycles"] for name, layer in list(bundled[1].items())[1:])
    assert ours < 0.6 * theirs


def test_their_estimates_are_near_what_was_measured(on_the_board):
    compiled, layers = on_the_board
    for step in compiled.program.steps[1:]:
        measured = layers[step.schedule.kernel]["cycles"]
        assert step.schedule.cycles == pytest.approx(measured, rel=0.3), step.schedule.kernel


def test_a_search_for_the_board_counts_on_them(platform, on_the_board):
    program = on_the_board[0].program
    costs = platform.create(CostModel, "analytic").estimate(program.graph, program.profile, platform)
    assert next(cost.value for cost in costs if cost.quantity == "cycles") == program.cycles


def test_another_board_takes_them_by_name(platform, tmp_path):
    _, layers = run(platform, "stm32f446", tmp_path / "out", network((0.0, math.inf)), kernels=("kestrel-clamp",))
    assert "kestrel-clamp" in layers
    assert "kestrel-nearest" not in layers


def test_without_the_dsp_extension_plain_c_computes_the_same(platform, tmp_path, monkeypatch):
    part = replace(platform.target("kestrel-km4"), core="cortex-m3", features=frozenset())
    monkeypatch.setattr("tinyml_kernels.clamp.PORTABLE", 0.01)  # the table is better there, and would be chosen
    _, layers = run(platform, part, tmp_path / "out", network((-math.inf, 2.0)))
    assert list(layers)[1:] == ["kestrel-nearest", "kestrel-clamp"]


def test_other_layers_are_not_theirs(platform):
    from tinyml_core.api.generator import Kernel

    part = platform.target("kestrel-km4")
    b = GraphBuilder("g")
    x = b.input("x", (1, 4, 4, 6), DType.INT8, Quantization.per_tensor(0.05))
    six = b.node(Resize(size=(8, 8)), [x], quantization=Quantization.per_tensor(0.05))  # 6 channels are no words
    y = b.node(Clamp(activation=(0.0, 1.0)), [six], quantization=Quantization.per_tensor(0.04))  # another scale
    graph = b.build([y])
    for name in ("kestrel-clamp", "kestrel-nearest"):
        kernel = platform.create(Kernel, name)
        assert [kernel.candidates(node, graph, part) for node in graph.nodes] == [[], []]
