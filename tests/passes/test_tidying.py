"""The passes that tidy up: dead nodes, identities, constants, padding; each keeps every bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    RELU,
    Add,
    AveragePool2D,
    Cast,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Expand,
    FullyConnected,
    MaxPool2D,
    Pad,
    Quantize,
    Reshape,
    Slice,
    Tile,
    Transpose,
)
from tinyml_core.graph.verify import verify
from tinyml_core.pipeline.passes import apply_passes, ordered_passes
from tinyml_core.platform import Platform
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs
from tinyml_plugins.passes.drop_dead_nodes import DropDeadNodes
from tinyml_plugins.passes.drop_identities import DropIdentities
from tinyml_plugins.passes.fold_constants import FoldConstants
from tinyml_plugins.passes.fold_pad import FoldPad

Q = Quantization.per_tensor
TIDYING = (DropDeadNodes, DropIdentities, FoldConstants, FoldPad)
AROUND = ((0, 0), (1, 2), (0, 1), (0, 0))


def image(dtype=DType.INT8, shape=(1, 5, 6, 3), rounding=Rounding.SINGLE):
    b = GraphBuilder("tidy", rounding)
    return b, b.input("image", shape, dtype, Q(0.05, -7) if dtype is DType.INT8 else None)


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def assert_same(graph: Graph, rewritten: Graph, inputs) -> None:
    assert (rewritten.inputs, rewritten.outputs) == (graph.inputs, graph.outputs)
    before, after = execute(graph, inputs), execute(rewritten, inputs)
    for name in graph.outputs:
        assert before[name].tobytes() == after[name].tobytes(), name


def anything(graph: Graph):
    return random_inputs(graph, choose_from(np.random.default_rng(5)))


@pytest.fixture(scope="module")
def platform():
    return Platform()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_all_passes_together_keep_every_bit_of_random_networks(platform, seed):
    choose = choose_from(np.random.default_rng(seed))
    graph = random_graph(choose, crossings=seed % 3 == 0)
    assert_same(graph, apply_passes(graph, platform), random_inputs(graph, choose))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_all_passes_together_keep_every_bit_of_networks_with_dead_channels(platform, dead_channel_graph, seed):
    graph = dead_channel_graph(seed, Rounding.TFLITE)
    inputs = random_inputs(graph, choose_from(np.random.default_rng(seed)))
    assert_same(graph, apply_passes(graph, platform), inputs)


def test_passes_run_in_the_order_they_ask_for(platform):
    names = [name for name, _ in ordered_passes(platform)]
    assert names[0] == "drop-dead-nodes"
    for name, one in ordered_passes(platform):
        assert all(names.index(earlier) < names.index(name) for earlier in one.after if earlier in names)
    assert names[-1] == "remove-constant-channels"


@pytest.mark.parametrize("one", TIDYING)
def test_nothing_to_do_gives_the_graph_itself(one):
    b, x = image()
    graph = b.build([b.node(Clamp(RELU), [x], quantization=Q(0.05, -7))])
    assert one().apply(graph) is graph


def test_dead_nodes_and_unread_constants_go_but_inputs_stay():
    b, x = image()
    b.input("unread", (1, 2), DType.INT8, Q(1.0))
    b.constant("nobody's", np.zeros(3, np.int32))
    dead = b.node(Clamp(RELU), [x], name="dead", quantization=Q(0.05, -7))
    b.node(Clamp(), [dead], name="deader", quantization=Q(0.05, -7))
    y = b.node(Clamp((-1.0, 1.0)), [x], name="live", quantization=Q(0.05, -7))
    graph = verify(DropDeadNodes().apply(verify(b.build([y]))))
    assert [node.name for node in graph.nodes] == ["live"]
    assert set(graph.tensors) == {"image", "unread", "live"}


IDENTITIES = {
    "reshape": Reshape((1, 5, 6, 3)),
    "clamp": Clamp(),
    "clamp that limits nothing": Clamp((-7.0, 1000.0)),
    "quantize": Quantize(),
    "pad": Pad(((0, 0),) * 4),
    "cast": Cast("int8"),
    "expand": Expand((1, 5, 6, 3)),
    "tile": Tile((1, 1, 1, 1)),
    "concat": Concat(2),
    "transpose": Transpose((0, 1, 2, 3)),
    "slice": Slice((0, 0, 0, 0), (1, 5, 6, 3), (1, 1, 1, 1)),
}


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("op", IDENTITIES.values(), ids=IDENTITIES)
def test_an_identity_goes(op, rounding):
    b, x = image(rounding=rounding)
    y = b.node(op, [x], name="same", quantization=Q(0.05, -7))
    z = b.node(Clamp(RELU), [y], name="relu", quantization=Q(0.05, -7))
    graph = verify(DropIdentities().apply(verify(b.build([z]))))
    assert [node.name for node in graph.nodes] == ["relu"]
    assert graph.nodes[0].inputs == ("image",)


CHANGES = {
    "reshape": (Reshape((1, 6, 5, 3)), Q(0.05, -7)),
    "relu": (Clamp(RELU), Q(0.05, -7)),
    "another scale": (Quantize(), Q(0.04, -7)),
    "another zero point": (Clamp(), Q(0.05, -8)),
    "pad": (Pad(AROUND), Q(0.05, -7)),
    "transpose": (Transpose((0, 2, 1, 3)), Q(0.05, -7)),
    "backwards": (Slice((0, 4, 0, 0), (1, 5, 6, 3), (1, -1, 1, 1)), Q(0.05, -7)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_something_stays(change):
    op, quantization = CHANGES[change]
    b, x = image()
    graph = verify(b.build([b.node(op, [x], name="changed", quantization=quantization)]))
    assert DropIdentities().apply(graph) is graph


def test_a_transpose_of_a_square_stays_though_its_shape_does():
    b, x = image(shape=(1, 4, 4, 3))
    graph = b.build([b.node(Transpose((0, 2, 1, 3)), [x], quantization=Q(0.05, -7))])
    assert DropIdentities().apply(graph) is graph


def test_outputs_keep_their_names():
    b, x = image()
    y = b.node(Clamp(RELU), [x], name="relu", quantization=Q(0.05, -7))
    first = b.node(Quantize(), [y], name="first", quantization=Q(0.05, -7))
    second = b.node(Quantize(), [y], name="second", quantization=Q(0.05, -7))
    other = b.node(Clamp((0.0, 1.0)), [y], name="other", quantization=Q(0.05, -7))
    graph = verify(b.build([second, first, other]))
    rewritten = verify(DropIdentities().apply(graph))
    assert kinds(rewritten) == ["clamp", "quantize", "clamp"]  # two outputs of one value need one copy
    assert_same(graph, rewritten, anything(graph))


def test_an_output_that_copies_an_input_stays():
    b, x = image()
    graph = verify(b.build([b.node(Quantize(), [x], name="copy", quantization=Q(0.05, -7))]))
    assert DropIdentities().apply(graph) is graph


def test_of_reshapes_in_a_row_the_last_does_it_all():
    b, x = image()
    for index, shape in enumerate([(1, 90), (1, 9, 10), (1, 3, 5, 6)]):
        x = b.node(Reshape(shape), [x], name=f"r{index}", quantization=Q(0.05, -7))
    graph = verify(b.build([x]))
    rewritten = verify(DropIdentities().apply(graph))
    assert [(node.name, node.inputs) for node in rewritten.nodes] == [("r2", ("image",))]
    assert_same(graph, rewritten, anything(graph))


def test_there_and_back_again_is_nothing():
    b, x = image()
    y = b.node(Reshape((1, 90)), [x], quantization=Q(0.05, -7))
    y = b.node(Reshape((1, 5, 6, 3)), [y], quantization=Q(0.05, -7))
    graph = verify(b.build([b.node(Clamp(RELU), [y], quantization=Q(0.05, -7))]))
    rewritten = verify(DropIdentities().apply(graph))
    assert kinds(rewritten) == ["clamp"]
    assert_same(graph, rewritten, anything(graph))


def test_constants_are_computed_with_the_networks_own_arithmetic():
    b, x = image(shape=(1, 4))
    left = b.constant("left", np.array([[1, 2, 3, 100]], np.int8), Q(0.05, -7))
    right = b.constant("right", np.array([[5, 6, -7, 100]], np.int8), Q(0.02, 3))
    total = b.node(Add(), [left, right], name="total", quantization=Q(0.03, 1))
    flat = b.node(Reshape((1, 4)), [total], name="flat", quantization=Q(0.03, 1))
    y = b.node(Add(), [x, flat], name="sum", quantization=Q(0.1))
    graph = verify(b.build([y]))
    rewritten = verify(FoldConstants().apply(graph))
    assert [node.name for node in rewritten.nodes] == ["sum"]
    assert set(rewritten.tensors) == {"image", "flat", "sum"}
    assert_same(graph, rewritten, anything(graph))


def test_an_output_may_turn_out_to_be_a_constant():
    b, x = image(shape=(1, 4))
    weights = b.constant("weights", np.ones((2, 4), np.float32))
    rows = b.constant("rows", np.arange(4, dtype=np.float32)[None])
    y = b.node(Clamp(RELU), [x], quantization=Q(0.05, -7))
    graph = verify(b.build([y, b.node(FullyConnected(), [rows, weights], name="six")]))
    rewritten = verify(FoldConstants().apply(graph))
    assert rewritten.tensors["six"].data.tolist() == [[6, 6]]
    assert_same(graph, rewritten, anything(graph))


@pytest.mark.parametrize("limit", [{"largest_bytes": 100}, {"most_operations": 100}])
def test_what_would_take_long_or_grow_is_left_to_the_device(limit):
    b = GraphBuilder("large")
    b.input("unread", (1, 1), DType.FLOAT32)
    rows = b.constant("rows", np.ones((1, 64), np.float32))
    weights = b.constant("weights", np.ones((2, 64), np.float32))
    graph = b.build([b.node(FullyConnected(), [rows, weights])])
    assert FoldConstants(**limit).apply(graph) is graph
    assert FoldConstants().apply(graph).nodes == ()


def padded(dtype: DType, *readers, around=AROUND, **pad):
    """A pad that every reader reads: operators with the weights they need."""
    b, x = image(dtype)
    integer = dtype is DType.INT8
    y = b.node(Pad(around, **pad), [x], name="pad", quantization=Q(0.05, -7) if integer else None)
    outputs = []
    rng = np.random.default_rng(2)
    for index, op in enumerate(readers):
        operands = [y]
        if isinstance(op, Conv2D | DepthwiseConv2D):
            shape = (4, 3, 3, 3) if isinstance(op, Conv2D) else (1, 3, 3, 3)
            data = rng.integers(-127, 128, shape)
            if integer:
                operands.append(b.constant(f"w{index}", data.astype(np.int8), Q(0.003)))
            else:
                operands.append(b.constant(f"w{index}", data.astype(np.float32)))
        pooling = isinstance(op, AveragePool2D | MaxPool2D)
        quantization = (Q(0.05, -7) if pooling else Q(0.06, 2)) if integer else None
        outputs.append(b.node(op, operands, name=f"reader{index}", quantization=quantization))
    return verify(b.build(outputs))


WINDOWED = Conv2D(padding=(1, 0, 2, 1), stride=(2, 1))


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_padding_becomes_part_of_every_convolution_that_reads_it(dtype):
    graph = padded(dtype, WINDOWED, DepthwiseConv2D(activation=RELU))
    rewritten = verify(FoldPad().apply(graph))
    assert kinds(rewritten) == ["conv2d", "depthwise_conv2d"]
    assert rewritten.nodes[0].op.padding == (2, 2, 2, 2)
    assert_same(graph, rewritten, anything(graph))


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
@pytest.mark.parametrize("reader", [AveragePool2D(), MaxPool2D()])
def test_padding_stays_when_a_pooling_reads_it(dtype, reader):
    for graph in (padded(dtype, reader), padded(dtype, WINDOWED, reader)):
        assert FoldPad().apply(graph) is graph


def test_padding_other_than_with_zeros_around_the_image_stays():
    for graph in (
        padded(DType.INT8, WINDOWED, value=0.5),
        padded(DType.INT8, WINDOWED, mode="edge"),
        padded(DType.INT8, WINDOWED, around=((1, 0), (1, 1), (0, 0), (0, 0))),
    ):
        assert FoldPad().apply(graph) is graph
    b, x = image()
    y = b.node(Pad(((0, 0), (0, 0), (0, 0), (1, 0))), [x], quantization=Q(0.05, -7))
    weights = b.constant("w", np.ones((1, 1, 1, 4), np.int8), Q(0.01))
    graph = b.build([b.node(Conv2D(), [y, weights], quantization=Q(0.1))])
    assert FoldPad().apply(graph) is graph


def test_two_pads_in_a_row_add_up():
    b, x = image()
    for name in ("first", "second"):
        x = b.node(Pad(AROUND), [x], name=name, quantization=Q(0.05, -7))
    weights = b.constant("w", np.ones((2, 3, 3, 3), np.int8), Q(0.01))
    graph = verify(b.build([b.node(Conv2D(), [x, weights], name="conv", quantization=Q(0.1))]))
    rewritten = verify(FoldPad().apply(graph))
    assert [node.op.padding for node in rewritten.nodes] == [(2, 4, 0, 2)]
    assert_same(graph, rewritten, anything(graph))


def test_padding_that_is_an_output_stays():
    b, x = image()
    x = b.node(Pad(AROUND), [x], name="pad", quantization=Q(0.05, -7))
    weights = b.constant("w", np.ones((2, 3, 3, 3), np.int8), Q(0.01))
    graph = b.build([b.node(Conv2D(), [x, weights], quantization=Q(0.1)), "pad"])
    assert FoldPad().apply(graph) is graph
