"""Constant channels go, and not one bit of any output changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.arithmetic.executor import ReferenceExecutor, execute
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    RELU,
    Add,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Mean,
    Reshape,
    Softmax,
)
from tinyml_core.graph.verify import verify
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs
from tinyml_plugins.passes.intervals import intervals
from tinyml_plugins.passes.remove_constant_channels import RemoveConstantChannels

Q = Quantization.per_tensor
INPUT, OUTPUT = Q(0.05, -3), Q(0.05, -20)


def same(graph: Graph, rewritten: Graph, inputs) -> bool:
    before, after = execute(graph, inputs), execute(rewritten, inputs)
    return all(before[name].tobytes() == after[name].tobytes() for name in graph.outputs)


@given(seed=st.integers(0, 2**32 - 1), rounding=st.sampled_from(Rounding), dead=st.sampled_from([0.5, 0.3, 0.8, 1.0]))
@settings(max_examples=200, deadline=None)
def test_no_bit_changes(dead_channel_graph, seed, rounding, dead):
    graph = dead_channel_graph(seed, rounding, dead)
    rewritten = verify(RemoveConstantChannels().apply(graph))
    assert all(min(tensor.shape, default=1) >= 1 for tensor in rewritten.tensors.values())
    choose = choose_from(np.random.default_rng(seed))
    for _ in range(3):
        assert same(graph, rewritten, random_inputs(graph, choose))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_no_bit_changes_over_every_operator(seed):
    choose = choose_from(np.random.default_rng(seed))
    graph = random_graph(choose, crossings=seed % 3 == 0)
    rewritten = verify(RemoveConstantChannels().apply(graph))
    assert same(graph, rewritten, random_inputs(graph, choose))


@given(seed=st.integers(0, 2**32 - 1), rounding=st.sampled_from(Rounding))
@settings(max_examples=100, deadline=None)
def test_intervals_hold_every_value_that_occurs(dead_channel_graph, seed, rounding):
    graph = dead_channel_graph(seed, rounding, 0.5)
    limits = {name: limit for name, limit in intervals(graph).items() if graph.tensors[name].data is None}
    choose = choose_from(np.random.default_rng(seed))
    values = ReferenceExecutor(graph).run(random_inputs(graph, choose), keep=limits)
    for name, (low, high) in limits.items():
        assert (values[name] >= low).all(), name
        assert (values[name] <= high).all(), name


def test_the_random_networks_have_much_to_remove(dead_channel_graph):
    graphs = [dead_channel_graph(seed, Rounding.SINGLE, 0.6) for seed in range(60)]
    rewritten = [RemoveConstantChannels().apply(graph) for graph in graphs]
    assert sum(after is not graph for after, graph in zip(rewritten, graphs, strict=True)) > 30
    assert sum(graph.macs for graph in rewritten) < 0.7 * sum(graph.macs for graph in graphs)


class Chain:
    """A builder of one layer after the other, filters given by hand."""

    def __init__(self, channels: int, quantization: Quantization = INPUT, rounding: Rounding = Rounding.SINGLE) -> None:
        self.builder = GraphBuilder("chain", rounding)
        self.x = self.builder.input("image", (1, 5, 4, channels), DType.INT8, quantization)

    def layer(self, name, op, weights, bias=None, output=OUTPUT, source=None):
        operands = [source or self.x, self.builder.constant(f"{name}.w", np.asarray(weights, np.int8), Q(0.01))]
        if bias is not None:
            scale = self.builder.tensor(operands[0]).scale
            operands.append(self.builder.constant(f"{name}.b", np.asarray(bias, np.int32), Q(0.01 * scale)))
        self.x = self.builder.node(op, operands, name=name, quantization=output)
        return self.x

    def pointwise(self, name, rows, bias=None, op=None, **more):
        rows = np.asarray(rows)
        return self.layer(name, op or Conv2D(), rows.reshape(len(rows), 1, 1, -1), bias, **more)

    def depthwise(self, name, channels, bias=None, padding=(1, 1, 1, 1), multiplier=1, **more):
        weights = np.arange(9 * channels * multiplier).reshape(1, 3, 3, -1) % 7 - 2
        return self.layer(name, DepthwiseConv2D(padding=padding), weights, bias, **more)

    def rewritten(self, *outputs) -> tuple[Graph, Graph]:
        graph = verify(self.builder.build(outputs or (self.x,)))
        rewritten = verify(RemoveConstantChannels().apply(graph))
        rng = np.random.default_rng(0)
        shape = graph.tensors["image"].shape
        for _ in range(20):
            assert same(graph, rewritten, {"image": rng.integers(-128, 128, shape).astype(np.int8)})
        return graph, rewritten


def channels(graph: Graph, name: str) -> int:
    return graph.tensors[name].shape[-1]


@pytest.mark.parametrize("rounding", Rounding)
def test_a_reader_without_padding_absorbs_the_value_into_its_bias(rounding):
    chain = Chain(2, rounding=rounding)
    chain.pointwise("first", [[3, 5], [0, 0], [-7, 2]], [10, 4000, 20])
    chain.pointwise("second", [[1, 90, 3], [4, -70, 6]])
    graph, rewritten = chain.rewritten()
    assert channels(rewritten, "first") == 2
    assert rewritten.tensors["first.w"].shape == (2, 1, 1, 2)
    assert "second/bias" in rewritten.tensors  # there was none
    value = int(execute(graph, {"image": np.zeros((1, 5, 4, 2), np.int8)}, keep=["first"])["first"][0, 0, 0, 1])
    assert rewritten.tensors["second/bias"].data.tolist() == [90 * (value + 20), -70 * (value + 20)]


def test_a_reader_with_padding_keeps_a_value_other_than_its_zero():
    weights = np.ones((2, 3, 3, 3), np.int8)
    for bias, kept in ((4000, 3), (0, 2)):  # 0 leaves the zero point behind, which padding stands for
        chain = Chain(2)
        chain.pointwise("first", [[3, 5], [0, 0], [-7, 2]], [10, bias, 20])
        chain.layer("second", Conv2D(padding=(1, 1, 1, 1)), weights)
        assert channels(chain.rewritten()[1], "first") == kept


def test_a_tap_that_never_meets_padding_absorbs():
    weights = np.zeros((2, 3, 3, 3), np.int8)
    weights[:, 1, 1] = 9  # the middle of a 3 x 3 window with padding 1 always lies inside
    chain = Chain(2)
    chain.pointwise("first", [[3, 5], [0, 0], [-7, 2]], [10, 4000, 20])
    chain.layer("second", Conv2D(padding=(1, 1, 1, 1)), weights)
    assert channels(chain.rewritten()[1], "first") == 2


def test_a_padded_depthwise_layer_between_stays_unless_the_value_is_zero():
    for bias, kept in ((4000, 4), (0, 3)):
        chain = Chain(2)
        chain.pointwise("first", [[3, 5], [0, 0], [-7, 2], [40, -60]], [10, bias, 20, 0])
        chain.depthwise("middle", 4, [100, 200, 300, 400])
        chain.pointwise("last", np.arange(8).reshape(2, 4))
        rewritten = chain.rewritten()[1]
        assert (channels(rewritten, "first"), channels(rewritten, "middle")) == (kept, kept)


def test_a_saturated_channel_is_constant_at_borders_too():
    chain = Chain(2)
    chain.pointwise("first", [[3, 5], [1, 1], [-7, 2]], [10, 1 << 24, 20], op=Conv2D(activation=RELU))
    chain.depthwise("middle", 3, [0, -(1 << 24), 0])
    chain.pointwise("last", np.arange(6).reshape(2, 3))
    rewritten = chain.rewritten()[1]
    # The depthwise layer's second output is -128 whatever it reads, so nothing needs the channel before it either.
    assert (channels(rewritten, "first"), channels(rewritten, "middle")) == (2, 2)


def test_all_filters_of_a_depthwise_multiplier_go_together():
    for dead, kept in (([2], 3), ([2, 3], 2)):
        chain = Chain(3)
        weights = np.full((1, 3, 3, 6), 5)
        weights[..., dead] = 0
        chain.pointwise("first", np.eye(3) * 90)
        chain.layer("middle", DepthwiseConv2D(padding=(1, 1, 1, 1)), weights, [9] * 6)
        chain.pointwise("last", np.arange(12).reshape(2, 6))
        rewritten = chain.rewritten()[1]
        assert (channels(rewritten, "first"), channels(rewritten, "middle")) == (kept, 2 * kept)


def test_a_sum_gives_up_a_channel_when_nobody_needs_either_side():
    for other, kept in ((0, 2), (50, 3)):
        chain = Chain(3)
        left = chain.pointwise("left", [[9, 0, 0], [0, 0, 0], [0, 0, 9]], [0, 700, 0])
        right = chain.pointwise("right", [[9, 1, 0], [0, other, 0], [0, 1, 9]], source="image")
        chain.x = chain.builder.node(Add(), [left, right], name="sum", quantization=OUTPUT)
        chain.pointwise("last", np.arange(1, 7).reshape(2, 3))
        rewritten = chain.rewritten()[1]
        assert [channels(rewritten, name) for name in ("left", "right", "sum")] == [kept] * 3


def test_a_constant_operand_of_a_sum_is_cut_too():
    chain = Chain(3)
    left = chain.pointwise("left", [[9, 0, 0], [0, 0, 0], [0, 0, 9]])
    data = np.arange(60, dtype=np.int8).reshape(1, 5, 4, 3)
    data[..., 1] = 33
    right = chain.builder.constant("right", data, OUTPUT)
    chain.x = chain.builder.node(Add(), [left, right], name="sum", quantization=OUTPUT)
    chain.pointwise("last", np.arange(1, 7).reshape(2, 3))
    rewritten = chain.rewritten()[1]
    assert rewritten.tensors["right"].data.tolist() == data[..., [0, 2]].tolist()


@pytest.mark.parametrize("flatten", [False, True])
def test_a_dense_layer_absorbs_through_mean_and_flattening(flatten):
    chain = Chain(2)
    chain.pointwise("first", [[3, 5], [0, 0], [-7, 2]], [10, 4000, 20])
    if flatten:
        chain.x = chain.builder.node(Reshape((1, 60)), [chain.x], name="flat", quantization=OUTPUT)
    else:
        chain.x = chain.builder.node(Mean(), [chain.x], name="flat", quantization=OUTPUT)
    size = chain.builder.tensor(chain.x).elements
    chain.layer("dense", FullyConnected(), np.arange(4 * size).reshape(4, size) % 50, [(1 << 31) - 1, 0, 5, -(1 << 31)])
    rewritten = chain.rewritten()[1]
    assert channels(rewritten, "flat") == size * 2 // 3
    assert rewritten.tensors["dense.w"].shape == (4, size * 2 // 3)


def test_a_channel_that_no_filter_reads_goes_though_it_varies():
    chain = Chain(2)
    chain.pointwise("first", [[3, 5], [8, 1], [-7, 2]])
    chain.pointwise("second", [[1, 0, 3], [4, 0, 6]])
    assert channels(chain.rewritten()[1], "first") == 2


def test_inputs_and_outputs_of_the_network_stay_whole():
    chain = Chain(2)
    first = chain.pointwise("first", [[0, 5], [0, 0], [0, 2]], [10, 4000, 20])
    chain.pointwise("second", [[1, 90, 3], [0, 0, 0]])
    graph, rewritten = chain.rewritten(first, chain.x)
    assert rewritten is graph
    chain = Chain(2)
    chain.pointwise("first", [[0, 5], [0, 1], [0, 2]])
    assert chain.rewritten()[1].tensors["image"].shape == (1, 5, 4, 2)


def test_when_everything_is_constant_one_channel_remains():
    chain = Chain(2)
    chain.pointwise("first", np.zeros((6, 2)), np.arange(6))
    chain.depthwise("middle", 6)
    chain.pointwise("second", np.zeros((4, 6)), np.arange(4) * 100)
    chain.pointwise("last", np.ones((3, 4)))
    rewritten = chain.rewritten()[1]
    assert [channels(rewritten, name) for name in ("first", "middle", "second", "last")] == [1, 1, 1, 3]


def test_weights_that_two_layers_share_are_cut_for_each_alone():
    chain = Chain(2)
    chain.pointwise("first", [[3, 5], [0, 0], [-7, 2]], [10, 4000, 20])
    first = chain.x
    chain.pointwise("left", [[1, 90, 3], [4, -70, 6]])
    left = chain.x
    shared = [first, "left.w"]
    right = chain.builder.node(Conv2D(activation=RELU), shared, name="right", quantization=OUTPUT)
    rewritten = chain.rewritten(left, right)[1]
    assert {"left/weights", "right/weights"} <= set(rewritten.tensors)
    assert "left.w" not in rewritten.tensors


def test_weights_that_are_an_output_too_stay_whole():
    chain = Chain(2)
    chain.pointwise("first", [[3, 5], [0, 0], [-7, 2]], [10, 4000, 20])
    chain.pointwise("last", [[1, 90, 3], [4, -70, 6]])
    rewritten = chain.rewritten(chain.x, "last.w")[1]
    assert channels(rewritten, "first") == 2


def test_what_an_unknown_operator_reads_stays():
    chain = Chain(2)
    chain.pointwise("first", [[3, 5], [0, 0], [-7, 2]], [10, 4000, 20])
    chain.x = chain.builder.node(Softmax(), [chain.x], name="softmax", quantization=Q(1 / 256, -128))
    chain.pointwise("last", np.arange(6).reshape(2, 3))
    assert channels(chain.rewritten()[1], "first") == 3


def test_a_sum_beyond_32_bits_wraps_as_the_accumulator_does():
    chain = Chain(1, Q(0.05, -128))
    chain.pointwise("first", [[0], [1]], [1 << 20, 0])
    chain.pointwise("second", [[127, 127], [-128, 1]], [(1 << 31) - 1, -(1 << 31)])
    assert channels(chain.rewritten()[1], "first") == 1


def test_untrained_and_float_networks_are_left_alone():
    b = GraphBuilder("untrained")
    x = b.input("image", (1, 8, 8, 4), DType.FLOAT32)
    x = b.node(Conv2D(), [x, b.zeros("w1", (16, 1, 1, 4))], name="first")
    x = b.node(Conv2D(), [x, b.zeros("w2", (8, 1, 1, 16))], name="second")
    graph = b.build([x])
    assert RemoveConstantChannels().apply(graph) is graph


def test_a_graph_larger_than_any_flash_is_left_alone():
    chain = Chain(2)
    chain.pointwise("first", [[3, 5], [0, 0]])
    chain.pointwise("last", [[1, 2], [3, 4]])
    graph = chain.builder.build([chain.x])
    assert RemoveConstantChannels(largest=10).apply(graph) is graph
    assert RemoveConstantChannels().apply(graph) is not graph
