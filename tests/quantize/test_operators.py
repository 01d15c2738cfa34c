"""Every operator with int8 arithmetic has an int8 form, which computes nearly what the floats do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.lowering import LOWERINGS
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.arithmetic.real_functions import FUNCTIONS
from tinyml_core.errors import GraphError
from tinyml_core.graph import DType, Graph, GraphBuilder, Rounding
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import (
    RELU,
    ArgReduce,
    AveragePool2D,
    BatchNorm,
    Binary,
    Cast,
    Clamp,
    Concat,
    Conv2D,
    Expand,
    Gather,
    L2Norm,
    LayerNorm,
    LogSoftmax,
    MatMul,
    MaxPool2D,
    Pad,
    Quantize,
    Reduce,
    Reshape,
    Resize,
    Select,
    Slice,
    Split,
    Tile,
    Transpose,
    TransposeConv2D,
    Unary,
)
from tinyml_core.graph.verify import verify
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.platform import Platform
from tinyml_core.quantization import observe_ranges, quantise_graph
from tinyml_core.quantization.rules import RULES

SAMPLES = np.random.default_rng(1).uniform(-1, 3, (48, 4, 4, 3)).astype(np.float32)
Body = Callable[[GraphBuilder, str], list[str]]


def floats(b: GraphBuilder, name: str, *shape: int, least: float = -1.0) -> str:
    return b.constant(name, np.random.default_rng(len(name)).uniform(least, 1, shape).astype(np.float32))


def positive(b: GraphBuilder, x: str) -> str:
    """Values from 0.5 to 1.5, a tensor of its own scale."""
    return b.node(Binary("maximum"), [b.node(Clamp((0.0, 1.5)), [x]), b.constant("half", np.full(1, 0.5, np.float32))])


def one(op, *constants: str | tuple[int, ...]) -> Body:
    def body(b: GraphBuilder, x: str) -> list[str]:
        return [b.node(op, [x, *(floats(b, f"c{i}", *shape) for i, shape in enumerate(constants))])]

    return body


def select(b: GraphBuilder, x: str) -> list[str]:
    zero = b.constant("zero", np.zeros(1, np.float32))
    above = b.node(Binary("greater"), [x, zero])
    below = b.node(Unary("not"), [above])
    doubled = b.node(Binary("multiply"), [x, b.constant("two", np.full(1, 2, np.float32))])
    return [b.node(Select(), [b.node(Binary("or"), [below, below]), doubled, zero])]


def concat(b: GraphBuilder, x: str) -> list[str]:
    left = b.node(Conv2D(), [x, floats(b, "w", 2, 1, 1, 3)], name="left")
    flat = b.node(Reshape((1, 4, 4, 2)), [left], name="flat")
    right = b.node(Unary("sigmoid"), [x], name="right")
    return [b.node(Concat(3), [flat, right, x, floats(b, "k", 1, 4, 4, 1)], name="joined")]


def split(b: GraphBuilder, x: str) -> list[str]:
    first, second = b.node_outputs(Split(3, (1, 2)), [x])
    return [b.node(Binary("multiply"), [first, second])]


def gather(b: GraphBuilder, x: str) -> list[str]:
    return [b.node(Gather(3), [x, b.constant("at", np.array([2, 0, 2], np.int32))])]


def quotient(b: GraphBuilder, x: str) -> list[str]:
    return [b.node(Binary("divide"), [x, positive(b, x)])]


def product(b: GraphBuilder, x: str) -> list[str]:
    rows = b.node(Reshape((1, 16, 3)), [x])
    return [b.node(MatMul(transpose_right=True), [rows, rows])]


def normalised(b: GraphBuilder, x: str) -> list[str]:
    """In front of a layer, where it cannot be folded."""
    parameters = [floats(b, role, 3, least=0.2) for role in ("gamma", "beta", "mean", "variance")]
    y = b.node(BatchNorm(epsilon=1e-3, activation=RELU), [x, *parameters], name="norm")
    return [b.node(Conv2D(), [y, floats(b, "w", 4, 1, 1, 3)])]


BODIES: dict[str, Body] = {
    "batch normalisation": normalised,
    "concat": concat,
    "divide": quotient,
    "expand": lambda b, x: [
        b.node(Expand((1, 4, 4, 3)), [b.node(Slice((0, 1, 0, 0), (1, 1, 4, 3), (1, 1, 1, 1)), [x])])
    ],
    "gather": gather,
    "l2 norm": one(L2Norm()),
    "log softmax": one(LogSoftmax()),
    "matmul": product,
    "maximum": one(Binary("maximum"), (3,)),
    "minimum": one(Binary("minimum"), (1,)),
    "pad with a value": one(Pad(((0, 0), (1, 0), (0, 1), (0, 0)), value=7.5)),
    "pad of a mirror": one(Pad(((0, 0), (1, 0), (0, 1), (0, 0)), mode="reflect")),
    "prelu": one(Binary("prelu"), (3,)),
    "reduce max": one(Reduce("max", (1, 2))),
    "reduce sum": one(Reduce("sum", (1, 2))),
    "resize": one(Resize((7, 5), "bilinear")),
    "select": select,
    "split": split,
    "squared difference": one(Binary("squared_difference"), (4, 1, 3)),
    "subtract": one(Binary("subtract"), (4, 1, 3)),
    "tile": one(Tile((1, 1, 2, 1))),
    "transpose": one(Transpose((0, 3, 1, 2))),
    "transposed convolution": one(TransposeConv2D(size=(8, 8), stride=(2, 2)), (5, 2, 2, 3), (5,)),
    **{
        f"unary {name}": one(Unary(name, alpha=0.3, beta=0.4))
        for name in ("elu", "gelu", "hard_sigmoid", "hard_swish", "leaky_relu", "sigmoid", "swish", "tanh", "exp")
    },
}
TOLERANCES = {
    "divide": 4.0,
    "squared difference": 3.0,
    "l2 norm": 4.0,
    "log softmax": 3.0,
    "unary exp": 3.0,
    "matmul": 3.0,
}
"""Of results, in steps of the output's scale, where an input's rounding error grows more than twofold."""


def network(body: Body, rounding: Rounding = Rounding.SINGLE) -> Graph:
    b = GraphBuilder("one")
    return replace(verify(b.build(body(b, b.input("x", (1, 4, 4, 3), DType.FLOAT32)))), rounding=rounding)


def compare(graph: Graph, integer: Graph) -> float:
    """Greatest difference between the results of a float graph and its int8 form, in steps of the output."""
    wide, narrow = with_batch(graph, len(SAMPLES)), with_batch(integer, len(SAMPLES))
    expected = execute(wide, {"x": SAMPLES})
    got = execute(narrow, {"x": quantise_array(SAMPLES, integer.tensors["x"])})
    (name,) = graph.outputs
    return float(np.abs(dequantise_array(got[name], integer.tensors[name]) - expected[name]).max()) / (
        integer.tensors[name].scale
    )


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("case", BODIES)
def test_the_int8_form_computes_nearly_the_same(case, rounding):
    graph = network(BODIES[case], rounding)
    integer = verify(quantise_graph(graph, observe_ranges(graph, SAMPLES)))
    assert integer.tensors[integer.outputs[0]].dtype is DType.INT8
    assert compare(graph, integer) < TOLERANCES.get(case, 2.1)


@pytest.mark.parametrize("case", BODIES)
def test_the_device_computes_the_int8_form(case, tmp_path):
    graph = network(BODIES[case], Rounding.TFLITE if len(case) % 2 else Rounding.SINGLE)
    platform = Platform()
    platform.compile(graph, "stm32f746", tmp_path / "out", CompileOptions(calibration={"x": SAMPLES}))
    assert platform.run(tmp_path / "out", {"x": SAMPLES[:4]}).exact


def test_places_are_those_of_the_floats_but_for_ties():
    """The table's row that the greatest channel of a pixel names."""
    b = GraphBuilder("places")
    x = b.input("x", (1, 4, 4, 3), DType.FLOAT32)
    at = b.node(ArgReduce(3, dtype="int32"), [x], name="at")
    table = b.constant("table", np.array([[-1.0], [0.5], [2.0]], np.float32))
    graph = verify(b.build([b.node(Gather(0), [table, at], name="y")]))
    integer = verify(quantise_graph(graph, observe_ranges(graph, SAMPLES)))
    assert integer.tensors["at"].dtype is DType.INT32
    expected = execute(with_batch(graph, len(SAMPLES)), {"x": SAMPLES})["y"]
    got = execute(with_batch(integer, len(SAMPLES)), {"x": quantise_array(SAMPLES, integer.tensors["x"])})["y"]
    near = np.abs(dequantise_array(got, integer.tensors["y"]) - expected) < 0.01
    assert 0.97 < near.mean() < 1


def test_every_operator_with_integer_arithmetic_has_a_rule():
    crossings, sequences = {"quantize", "dequantize"}, {"gru", "lstm"}  # what the graphs here do not hold
    assert {op.kind for op in LOWERINGS.keys() - RULES.keys()} <= crossings | sequences
    assert RULES.keys() <= LOWERINGS.keys()


def test_what_feeds_a_join_alone_is_computed_in_its_scale():
    graph = network(concat)
    integer = quantise_graph(graph, observe_ranges(graph, SAMPLES))
    assert [node.name for node in integer.nodes if isinstance(node.op, Quantize)] == ["right/joined", "x/joined"]
    tensors = integer.tensors
    assert tensors["left"].quantization == tensors["flat"].quantization == tensors["joined"].quantization
    assert tensors["k"].quantization == tensors["joined"].quantization
    assert tensors["right"].quantization != tensors["joined"].quantization


@pytest.mark.parametrize("between", [MaxPool2D(), AveragePool2D()], ids=["greatest", "average"])
def test_what_an_average_is_made_from_is_not_clipped(between):
    """The least of the means and a small constant: clipping what goes into the mean would change it."""
    b = GraphBuilder("low")
    x = b.input("x", (1, 4, 4, 3), DType.FLOAT32)
    y = b.node(Conv2D(), [x, floats(b, "w", 3, 1, 1, 3)], name="conv")
    y = b.node(between, [y], name="pool")
    graph = b.build([b.node(Binary("minimum"), [y, b.constant("c", np.full(1, 0.25, np.float32))], name="least")])
    ranges = observe_ranges(graph, SAMPLES)
    integer = verify(quantise_graph(graph, ranges))
    shared = integer.tensors["conv"].quantization == integer.tensors["least"].quantization
    assert shared == isinstance(between, MaxPool2D)
    assert compare(graph, integer) < 2.1 * ranges["conv"][1] / ranges["least"][1]


REFUSED = {
    "layer_norm": one(LayerNorm(), (3,)),
    "power": one(Binary("power"), (3,)),
    "reduce_product": one(Reduce("product", (3,))),
    "cast": lambda b, x: [b.node(Cast("int32"), [x])],
}


@pytest.mark.parametrize("title", REFUSED)
def test_what_has_no_int8_form_is_refused_by_name(title):
    graph = network(REFUSED[title])
    name = graph.nodes[0].name
    with pytest.raises(GraphError, match=rf"{name!r} \({title}\): has no int8 form"):
        quantise_graph(graph)


def test_every_function_of_one_operand_has_an_int8_form():
    for function in FUNCTIONS:
        b = GraphBuilder(function)
        x = b.input("x", (1, 8), DType.FLOAT32)
        verify(quantise_graph(b.build([b.node(Unary(function), [x])])))


def test_plain_integers_stay_and_constants_must_be_finite():
    b = GraphBuilder("plain")
    x = b.input("x", (1, 3), DType.INT32)
    integers = b.build([b.node(Binary("power"), [x, b.constant("c", np.array([2], np.int32))], name="y")])
    assert quantise_graph(integers).tensors["y"].dtype is DType.INT32
    b = GraphBuilder("infinite")
    x = b.input("x", (1, 3), DType.FLOAT32)
    graph = b.build([b.node(Binary("maximum"), [x, b.constant("least", np.full(1, -np.inf, np.float32))])])
    with pytest.raises(GraphError, match="'least': holds values that are no finite numbers"):
        quantise_graph(graph)
