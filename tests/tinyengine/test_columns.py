"""Columns: how windows are packed, and what convolutions and dense layers cost on the emulated core."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import Conv2D, FullyConnected
from tinyml_plugins.tinyengine.packing import GROUP, Window, pack

Q = Quantization.per_tensor
COSTS = [  # image, filters, kernel, stride, instructions for one multiply-accumulate in single rounding
    ((16, 16, 64), 64, 1, 1, 1.10),
    ((20, 20, 16), 48, 1, 1, 1.45),
    ((20, 20, 8), 48, 1, 1, 1.90),
    ((16, 16, 16), 16, 3, 1, 1.10),
    ((32, 32, 3), 16, 3, 2, 1.60),
    ((32, 32, 3), 8, 3, 2, 1.60),
    ((3, 3, 96), 45, 1, 1, 1.10),
    ((1, 1, 128), 128, 1, 1, 1.35),
]


@pytest.mark.parametrize("runs", [1, 3, 4, 7])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 9, 10, 15, 16])
def test_a_column_has_every_tap_of_the_window_once(runs, length):
    window = Window(runs, length)
    order = window.order
    assert sorted(tap for tap in order if tap >= 0) == list(range(runs * length))
    assert len(order) == window.depth
    assert window.depth % GROUP == 0
    assert window.depth - runs * length < max(GROUP, runs * GROUP)


def test_a_group_that_reaches_back_replaces_loose_taps_only_where_that_is_as_short():
    assert Window(1, 9).back == 3
    assert not Window(1, 9).loose
    assert Window(3, 9).back == 0
    assert Window(3, 9).loose == [(0, 8), (1, 8), (2, 8)]
    assert Window(3, 9).depth == 28
    assert Window(1, 3).loose == [(0, 0), (0, 1), (0, 2)]


def test_two_taps_of_two_filters_share_a_word():
    filters = np.array([[1, 2, 3, 4], [-1, -2, -3, -4]], np.int8)
    words = pack(filters, [0, 2, 1, -1], np.array([[10, 20]]), np.array([[30, -1]]))
    assert words.tolist() == [10, 20, 0xFD03FF01, 0x0000FE02, 30, 0xFFFFFFFF]


def test_two_wide_taps_of_one_filter_fill_a_word():
    filters = np.array([[1, 2, 3, 4], [-1, -2, -3, -4]], np.int8)
    words = pack(filters, [0, 2, 1, -1], np.zeros((1, 0)), np.zeros((1, 0)), wide=True)
    assert words.tolist() == [0x00030001, 0xFFFDFFFF, 0x00000002, 0x0000FFFE]


def _wrong(networks, device):
    wrong = []
    for network in networks:
        inputs = network.inputs(seed=1)
        if device.run(network, inputs) != network.expected(inputs):
            wrong.append(network.graph.name)
    return wrong


@pytest.fixture
def wide_networks(layer_graphs, make_network):
    graphs = layer_graphs(*Rounding)
    linear = [graph for graph in graphs if isinstance(graph.nodes[0].op, Conv2D | FullyConnected)]
    networks = [make_network(graph, f"n{i}", "cortex-m7", wide_weights=True) for i, graph in enumerate(linear)]
    wide = [network for network in networks if network.program.steps[0].schedule.kernel.endswith("_wide")]
    assert len(wide) > 50
    return wide


def test_wide_weights_give_the_bits_of_the_reference(wide_networks, host_library):
    assert not _wrong(wide_networks, host_library(wide_networks))


@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
def test_wide_weights_give_the_bits_of_the_reference_on_the_core(toolchain, wide_networks, firmware, tmp_path):
    assert not _wrong(wide_networks, firmware(toolchain, "cortex-m7", wide_networks, tmp_path))


def test_wide_weights_cost_fewer_instructions(make_network, firmware, tmp_path):
    graph = _layer((8, 8, 32), 32, 1, 1, Rounding.SINGLE)
    networks = [make_network(graph, f"n{wide:d}", "cortex-m7", wide_weights=wide) for wide in (False, True)]
    device = firmware("gcc", "cortex-m7", networks, tmp_path)
    narrow, wide = (device.profile(network, network.inputs()).instructions for network in networks)
    assert wide < 0.9 * narrow


def _layer(image, filters, kernel, stride, rounding):
    rng = np.random.default_rng(3)
    b = GraphBuilder("layer", rounding)
    x = b.input("x", (1, *image), DType.INT8, Q(0.05, 3))
    weights = rng.integers(-128, 128, (filters, kernel, kernel, image[2])).astype(np.int8)
    w = b.constant("w", weights, Quantization.per_channel(rng.uniform(0.001, 0.01, filters), 0))
    pad = (kernel - 1) // 2
    return b.build([b.node(Conv2D(stride=(stride,) * 2, padding=(pad,) * 4), [x, w], quantization=Q(0.5, -5))])


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
def test_instructions_for_one_multiply_accumulate(core, make_network, firmware, tmp_path):
    networks = [make_network(_layer(*row[:4], Rounding.SINGLE), f"n{i}", core) for i, row in enumerate(COSTS)]
    device = firmware("gcc", core, networks, tmp_path)
    for network, (image, _, kernel, _, most) in zip(networks, COSTS, strict=True):
        (output,) = network.graph.outputs
        macs = network.graph.tensors[output].elements * kernel * kernel * image[2]
        assert device.profile(network, network.inputs()).instructions <= most * macs


@pytest.mark.parametrize("rounding", list(Rounding))
def test_a_dense_layer_costs_little_more_than_its_multiply_accumulates(rounding, make_network, firmware, tmp_path):
    b = GraphBuilder("dense", rounding)
    x = b.input("x", (1, 640), DType.INT8, Q(0.05, 3))
    w = b.constant("w", np.random.default_rng(3).integers(-128, 128, (128, 640)).astype(np.int8), Q(0.005))
    network = make_network(b.build([b.node(FullyConnected(), [x, w], quantization=Q(0.5, -5))]), core="cortex-m7")
    device = firmware("gcc", "cortex-m7", [network], tmp_path)
    assert device.profile(network, network.inputs()).instructions <= 1.25 * 128 * 640
