"""Transpositions sink to where they cost least, and no bit changes."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    RELU,
    Add,
    ArgReduce,
    Binary,
    Clamp,
    Concat,
    Conv2D,
    Dequantize,
    FullyConnected,
    Mean,
    Quantize,
    Reduce,
    Reshape,
    Select,
    Slice,
    Softmax,
    Transpose,
    Unary,
)
from tinyml_core.graph.verify import verify
from tinyml_core.pipeline.passes import apply_passes
from tinyml_core.platform import Platform
from tinyml_core.testing.random_graphs import choose_from, random_inputs
from tinyml_plugins.passes.drop_identities import DropIdentities
from tinyml_plugins.passes.sink_transposes import SinkTransposes

Q = Quantization.per_tensor
TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
SAME = Q(0.05, -7)


def sunk(graph: Graph) -> Graph:
    return verify(DropIdentities().apply(verify(SinkTransposes().apply(verify(graph)))))


def kinds(graph: Graph) -> list[str]:
    return [node.op.kind for node in graph.nodes]


def moved(graph: Graph) -> int:
    return sum(graph.outputs_of(node)[0].bytes for node in graph.nodes if isinstance(node.op, Transpose))


def assert_same(graph: Graph, rewritten: Graph, seed: int = 5) -> None:
    assert graph.outputs == rewritten.outputs
    assert [graph.tensors[name] for name in graph.outputs] == [rewritten.tensors[name] for name in graph.outputs]
    inputs = random_inputs(graph, choose_from(np.random.default_rng(seed)))
    before, after = execute(graph, inputs), execute(rewritten, inputs)
    for name in graph.outputs:
        assert before[name].tobytes() == after[name].tobytes(), name


def image(dtype: DType = DType.INT8, shape: tuple[int, ...] = (1, 3, 4, 5)) -> tuple[GraphBuilder, str]:
    b = GraphBuilder("image")
    return b, b.input("image", shape, dtype, SAME if dtype is DType.INT8 else None)


def test_two_that_undo_each_other_go_with_what_is_between():
    b, x = image()
    y = b.node(Transpose(TO_NCHW), [x], quantization=SAME)
    y = b.node(Clamp(RELU), [y], quantization=Q(0.04, -9))
    y = b.node(Add(), [y, b.constant("c", np.arange(5, dtype=np.int8)[:, None, None], Q(0.1))], quantization=SAME)
    graph = b.build([b.node(Transpose(TO_NHWC), [y], quantization=SAME)])
    rewritten = sunk(graph)
    assert kinds(rewritten) == ["clamp", "add"]
    assert_same(graph, rewritten)


def test_means_take_other_axes():
    """As mcunet_vww1 ends: two means that round one after the other."""
    b, x = image()
    y = b.node(Transpose(TO_NCHW), [x], quantization=SAME)
    y = b.node(Mean((3,)), [y], name="rows", quantization=Q(0.04, 1))
    graph = b.build([b.node(Mean((2,)), [y], name="columns", quantization=Q(0.03, 2))])
    rewritten = sunk(graph)
    assert [node.op for node in rewritten.nodes] == [Mean((2,)), Mean((1,))]
    assert_same(graph, rewritten)


def test_a_transposition_of_axes_of_size_1_is_a_reshape():
    b, x = image(shape=(1, 1, 1, 5))
    y = b.node(Transpose(TO_NCHW), [x], quantization=SAME)
    graph = b.build([b.node(Reshape((1, 5)), [y], name="flat", quantization=SAME)])
    rewritten = sunk(graph)
    assert [(node.op, node.inputs) for node in rewritten.nodes] == [(Reshape((1, 5)), ("image",))]
    assert_same(graph, rewritten)


def test_one_behind_a_mean_moves_less():
    b, x = image()
    y = b.node(Transpose((0, 3, 2, 1)), [x], quantization=SAME)
    y = b.node(Mean((1,)), [y], name="mean", quantization=SAME)
    graph = b.build([y])
    rewritten = sunk(graph)
    assert [node.op for node in rewritten.nodes] == [Mean((3,)), Transpose((0, 2, 1))]
    assert moved(rewritten) * 5 == moved(graph)
    assert_same(graph, rewritten)


def flattened(dtype: DType, **options) -> Graph:
    """An NCHW flattening in front of a dense layer, as PyTorch's classifiers have it."""
    integer, rng = dtype is DType.INT8, np.random.default_rng(1)
    b, x = image(dtype)
    y = b.node(Transpose(TO_NCHW), [x], name="turned", quantization=SAME if integer else None)
    y = b.node(Reshape((1, 60)), [y], name="row", quantization=SAME if integer else None)
    data = rng.integers(-127, 128, (7, 60)).astype(np.int8) if integer else rng.normal(size=(7, 60)).astype(np.float32)
    scales = Quantization.per_channel(rng.uniform(0.001, 0.01, 7), 0) if integer else None
    y = b.node(FullyConnected(), [y, b.constant("w", data, scales)], name="y", quantization=Q(0.2) if integer else None)
    return verify(b.build([y, "row"] if options.get("output") else [y]))


def test_the_columns_of_a_dense_layer_change_places_instead():
    graph = flattened(DType.INT8)
    rewritten = sunk(graph)
    assert kinds(rewritten) == ["reshape", "fully_connected"]
    assert_same(graph, rewritten)
    assert rewritten.constant_bytes == graph.constant_bytes


def test_rows_of_floats_and_rows_that_others_read_stay():
    for graph in (flattened(DType.FLOAT32), flattened(DType.INT8, output=True)):
        assert SinkTransposes().apply(graph) is graph


def test_floats_are_added_up_in_the_same_order():
    b, x = image(DType.FLOAT32)
    y = b.node(Transpose((0, 2, 1, 3)), [x])
    kept = b.build([b.node(Mean((1, 2)), [y])])
    assert SinkTransposes().apply(verify(kept)) is kept
    b, x = image(DType.FLOAT32)
    y = b.node(Transpose((0, 3, 1, 2)), [x])
    graph = b.build([b.node(Mean((2, 3)), [y])])
    rewritten = sunk(graph)
    assert [node.op for node in rewritten.nodes] == [Mean((1, 2))]
    assert_same(graph, rewritten)


def test_several_readers_share_what_they_read():
    b, x = image()
    y = b.node(Transpose(TO_NCHW), [x], quantization=SAME)
    gate = b.node(Unary("sigmoid"), [y], quantization=Q(1 / 256, -128))
    y = b.node(Binary("multiply"), [y, gate], quantization=SAME)
    graph = b.build([b.node(Transpose(TO_NHWC), [y], quantization=SAME)])
    rewritten = sunk(graph)
    assert kinds(rewritten) == ["unary", "binary"]
    assert_same(graph, rewritten)


def test_a_reader_that_needs_the_axes_gets_them_and_nothing_is_moved_twice():
    b, x = image()
    y = b.node(Transpose(TO_NCHW), [x], name="turned", quantization=SAME)
    probabilities = b.node(Softmax(), [y], quantization=Q(1 / 256, -128))
    graph = b.build([probabilities, b.node(Clamp(RELU), [y], quantization=SAME), y])
    assert SinkTransposes().apply(verify(graph)) is graph


def test_floats_grow_no_transposition_of_integers():
    b, x = image()
    y = b.node(Transpose(TO_NCHW), [x], quantization=SAME)
    graph = b.build([b.node(Dequantize(), [y])])
    assert SinkTransposes().apply(verify(graph)) is graph
    b, x = image(DType.FLOAT32)
    y = b.node(Transpose(TO_NCHW), [x])
    graph = b.build([b.node(Quantize(), [y], quantization=SAME)])
    assert moved(sunk(graph)) * 4 == moved(graph)
    assert_same(graph, sunk(graph))


def test_an_operand_of_more_axes_keeps_it():
    b, x = image(shape=(1, 3, 4))
    y = b.node(Transpose((0, 2, 1)), [x], quantization=SAME)
    operand = b.constant("c", np.full((1, 1, 1, 1), 3, np.int8), SAME)
    y = b.node(Add(), [y, operand], quantization=SAME)
    graph = b.build([b.node(Mean((3,)), [y], quantization=SAME)])
    assert SinkTransposes().apply(verify(graph)) is graph


def test_a_layer_and_its_activation_meet():
    """The clamp sinks into the convolution once the transpositions around it are gone."""
    b, x = image()
    weights = b.constant("w", np.random.default_rng(0).integers(-127, 128, (5, 1, 1, 5)).astype(np.int8), Q(0.01))
    y = b.node(Conv2D(), [x, weights], name="conv", quantization=Q(0.06, 1))
    y = b.node(Transpose(TO_NCHW), [y], quantization=Q(0.06, 1))
    y = b.node(Clamp(RELU), [y], quantization=Q(0.06, 1))
    graph = verify(b.build([b.node(Transpose(TO_NHWC), [y], quantization=Q(0.06, 1))]))
    rewritten = apply_passes(graph, Platform())
    assert kinds(rewritten) == ["conv2d"]
    assert_same(graph, rewritten)
    assert len(apply_passes(graph, Platform(), ["sink-transposes"]).nodes) > 1


def random_transposed(draw, seed: int) -> Graph:
    """Transpositions and what they sink through, some of it shared, with constants of every rank."""
    integer = draw(st.booleans())
    rng = np.random.default_rng(seed)
    q = SAME if integer else None
    b, count = GraphBuilder("random"), itertools.count()
    shape = (1, *(draw(st.integers(1, 4)) for _ in range(3)))
    values = [b.input("x", shape, DType.INT8 if integer else DType.FLOAT32, q)]

    def constant(shape: tuple[int, ...]) -> str:
        data = rng.integers(-128, 128, shape).astype(np.int8) if integer else rng.normal(size=shape).astype(np.float32)
        return b.constant(f"c{next(count)}", data, q)

    def operand(x: str) -> str:
        tensor = b.tensor(x)
        alike = [name for name in values if b.tensor(name).shape == tensor.shape]
        if draw(st.booleans()):
            return draw(st.sampled_from(alike))
        sizes = [draw(st.sampled_from([size, 1])) for size in tensor.shape]
        return constant(tuple(sizes[draw(st.integers(0, len(sizes))) :]))

    for _ in range(draw(st.integers(2, 9))):
        x = draw(st.sampled_from(values[-1:] + values[-2:]))
        sizes = b.tensor(x).shape
        rest = tuple(range(1, len(sizes)))
        what = draw(st.sampled_from(["transpose"] * 4 + ["unary", "add", "reduce", "concat", "slice", "select"]))
        if what == "transpose":
            values.append(b.node(Transpose((0, *draw(st.permutations(rest)))), [x], quantization=q))
        elif what == "unary":
            values.append(b.node(draw(st.sampled_from([Clamp(RELU), Unary("abs")])), [x], quantization=q))
        elif what == "add":
            op = draw(st.sampled_from([Add(), Binary("multiply"), Binary("subtract"), Binary("maximum")]))
            pair = [x, operand(x)]
            values.append(b.node(op, pair[:: draw(st.sampled_from([1, -1]))], quantization=q))
        elif what == "reduce" and len(rest) > 1:
            axes = tuple(draw(st.lists(st.sampled_from(rest), min_size=1, max_size=len(rest) - 1, unique=True)))
            keep = draw(st.booleans())
            op = draw(st.sampled_from([Mean(axes, keep), Reduce("max", axes, keep), Reduce("sum", axes, keep)]))
            values.append(b.node(op, [x], quantization=q))
        elif what == "concat":
            others = [name for name in values if b.tensor(name).shape == sizes]
            values.append(
                b.node(Concat(draw(st.sampled_from(rest))), [x, draw(st.sampled_from([*others, constant(sizes)]))],
                       quantization=q)
            )  # fmt: skip
        elif what == "slice":
            steps = tuple(draw(st.sampled_from([1, -1])) for _ in sizes)
            starts = tuple(0 if step > 0 else size - 1 for size, step in zip(sizes, steps, strict=True))
            kept = tuple(draw(st.integers(1, size)) for size in sizes)
            values.append(b.node(Slice(starts, kept, steps), [x], quantization=q))
        elif what == "select":
            condition = b.node(Binary("greater"), [x, operand(x)])
            values.append(b.node(Select(), [condition, x, operand(x)], quantization=q))
    last = b.node(ArgReduce(1), [values[-1]]) if draw(st.booleans()) else values[-1]
    outputs = {last, draw(st.sampled_from(values))} - {"x"} or {b.node(Clamp(RELU), ["x"], quantization=q)}
    return replace(verify(b.build(sorted(outputs))), rounding=draw(st.sampled_from(Rounding)))


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=250, deadline=None)
def test_random_networks_keep_every_bit_and_move_no_more(data, seed):
    graph = random_transposed(data.draw, seed)
    rewritten = verify(SinkTransposes().apply(graph))
    assert_same(graph, rewritten, seed)
    assert_same(graph, verify(DropIdentities().apply(rewritten)), seed)
    assert moved(rewritten) <= moved(graph)
    assert math.prod(rewritten.tensors["x"].shape) == math.prod(graph.tensors["x"].shape)
