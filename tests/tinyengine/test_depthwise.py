"""Depthwise convolution by the inner loops of the DSP extension, on planes narrower and wider than their blocks."""

from __future__ import annotations

import numpy as np
import pytest

from compiled_networks.rows import row_network
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import RELU, DepthwiseConv2D

SHAPES = [
    (taps, height, width, channels)
    for taps in (3, 5, 7)
    for height, width, channels in (
        (1, 1, 4),
        (2, 1, 5),
        (1, 2, 6),
        (3, 3, 7),
        (5, 4, 4),
        (4, 5, 9),
        (2, 6, 8),
        (6, 7, 4),
    )
]


def _graph(taps, height, width, channels, rounding):
    rng = np.random.default_rng(taps * width + height)
    b = GraphBuilder(f"{taps}x{taps} on {height}x{width}x{channels} {rounding.value}", rounding)
    b.input("x", (1, height, width, channels), DType.INT8, Quantization.per_tensor(0.05, -7))
    scales = Quantization.per_channel(rng.uniform(0.01, 0.04, channels), 3)
    w = b.constant("w", rng.integers(-128, 128, (1, taps, taps, channels)).astype(np.int8), scales)
    bias = b.constant("b", rng.integers(-2000, 2000, channels).astype(np.int32), Quantization.per_tensor(1.0))
    op = DepthwiseConv2D(padding=(taps // 2,) * 4, activation=RELU)
    return b.build([b.node(op, ["x", w, bias], quantization=Quantization.per_tensor(0.5, -20))])


def _networks(make_network, core="cortex-m4"):
    graphs = [_graph(*shape, rounding) for rounding in Rounding for shape in SHAPES]
    whole = [make_network(graph, f"w{i}", core) for i, graph in enumerate(graphs)]
    rows = [row_network(graph, f"r{i}", core) for i, graph in enumerate(graphs)]
    kernels = {network.program.steps[0].schedule.kernel for network in whole + rows}
    assert kernels >= {"depthwise_3x3", "depthwise_rings"}

    def wrong(device):
        pairs = [(network, network.inputs()) for network in whole + rows]
        return [network.graph.name for network, x in pairs if device.run(network, x) != network.expected(x)]

    return whole + rows, wrong


def test_narrow_planes_equal_the_reference(make_network, host_library):
    networks, wrong = _networks(make_network)
    assert not wrong(host_library(networks))


@pytest.mark.parametrize(("toolchain", "core"), [("zig", "cortex-m7"), ("gcc", "cortex-m4")])
def test_narrow_planes_equal_the_reference_on_the_core(toolchain, core, make_network, firmware, tmp_path):
    networks, wrong = _networks(make_network, core)
    assert not wrong(firmware(toolchain, core, networks, tmp_path))
