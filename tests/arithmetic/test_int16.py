"""int16x8 arithmetic by itself: wide accumulators against exact numbers, and what is refused by name."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.lowering import lower, lower_linear
from tinyml_core.arithmetic.multiplier import wide_multipliers
from tinyml_core.arithmetic.requantise import requantise
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    Add,
    ArgReduce,
    AveragePool2D,
    Binary,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MatMul,
    MaxPool2D,
    Mean,
    Reduce,
    Softmax,
    Unary,
)
from tinyml_core.graph.serialise import load, save
from tinyml_core.graph.verify import verify
from tinyml_core.testing.random_int16 import random_int16_graph

Q = Quantization.per_tensor
UNIT = Q(1 / 32768)


def test_wide_rescaling_rounds_once():
    rng = np.random.default_rng(0)
    for _ in range(300):
        real = float(10 ** rng.uniform(-8, 2))
        by = wide_multipliers([real], Rounding.SINGLE)
        factor = Fraction(by.mantissa[0], 1 << 15) * Fraction(2) ** by.shift[0]
        assert abs(factor / Fraction(real) - 1) <= Fraction(1, 1 << 14)
        accumulator = int(rng.integers(-(2**46), 2**46)) >> int(rng.integers(0, 46))
        exact = math.floor(accumulator * factor + Fraction(1, 2))
        wrapped = (exact + (1 << 31)) % (1 << 32) - (1 << 31)
        assert requantise(np.array([accumulator]), by)[0] == wrapped


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize(("bias", "wide"), [("int64", True), ("int32", False), (None, True)])
def test_a_convolution_adds_up_in_the_type_of_its_bias(bias, wide, rounding):
    graph = linear(Conv2D(), (1, 3, 3, 2), (4, 2, 2, 2), bias, rounding)
    (node,) = graph.nodes
    lowering = lower_linear(node, graph)
    assert lowering.requantisation.by.wide is wide
    x = np.random.default_rng(1).integers(-32768, 32768, (1, 3, 3, 2)).astype(np.int16)
    (result,) = execute(graph, {"x": x}).values()
    scale = 1e-3 * 0.02 / 0.7
    for y, column, channel in np.ndindex(2, 2, 4):
        window = x[0, y : y + 2, column : column + 2].astype(int)
        total = int((window * lowering.weights[channel]).sum()) + int(lowering.bias[channel])
        assert abs(int(result[0, y, column, channel]) - np.clip(total * scale, -32768, 32767)) <= 1.01


def linear(op, shape, weights, bias, rounding=Rounding.TFLITE, *, offset=5, zero_point=0):
    rng = np.random.default_rng(0)
    b = GraphBuilder("linear", rounding)
    operands = [b.input("x", shape, DType.INT16, Q(1e-3, zero_point))]
    operands.append(b.constant("w", rng.integers(-127, 128, weights).astype(np.int8), Q(0.02)))
    channels = weights[3] if isinstance(op, DepthwiseConv2D) else weights[0]
    if bias:
        operands.append(b.constant("b", np.full(channels, offset, bias), Q(2e-5)))
    return b.build([b.node(op, operands, name="odd one", quantization=Q(0.7))])


@pytest.mark.parametrize("rounding", list(Rounding))
def test_both_roundings_stay_within_one_step_of_the_real_sum(rounding):
    rng = np.random.default_rng(2)
    b = GraphBuilder("sum", rounding)
    x, y = (b.input(name, (1, 4000), DType.INT16, Q(scale)) for name, scale in (("x", 1e-3), ("y", 3e-4)))
    graph = b.build([b.node(Add(), [x, y], quantization=Q(1.3e-3))])
    left, right = (rng.integers(-32768, 32768, (1, 4000)).astype(np.int16) for _ in range(2))
    (result,) = execute(graph, {"x": left, "y": right}).values()
    scales = [graph.tensors[name].scale for name in ("x", "y", graph.outputs[0])]
    real = (left * scales[0] + right * scales[1]) / scales[2]
    assert np.abs(result - np.clip(real, -32768, 32767)).max() <= (1.01 if rounding is Rounding.TFLITE else 0.51)


@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
def test_curves_are_near_the_function(function):
    b = GraphBuilder(function)
    x = b.input("x", (1 << 16,), DType.INT16, Q(3e-4))
    graph = b.build([b.node(Unary(function), [x], quantization=UNIT)])
    values = np.arange(-32768, 32768).astype(np.int16)
    (result,) = execute(graph, {"x": values}).values()
    real = values * graph.tensors["x"].scale
    expected = np.tanh(real) if function == "tanh" else 1 / (1 + np.exp(-real))
    assert np.abs(result / 32768 - expected).max() < 2e-4


def test_softmax_is_near_the_function():
    b = GraphBuilder("softmax")
    graph = b.build([b.node(Softmax(), [b.input("x", (20, 9), DType.INT16, Q(2e-4))], quantization=UNIT)])
    values = np.random.default_rng(3).integers(-32768, 32768, (20, 9)).astype(np.int16)
    (result,) = execute(graph, {"x": values}).values()
    shares = np.exp(values * graph.tensors["x"].scale)
    assert np.abs(result / 32768 - shares / shares.sum(axis=1, keepdims=True)).max() < 3e-4


def test_networks_survive_saving(tmp_path):
    for seed in range(10):
        graph = random_int16_graph(np.random.default_rng(seed), Rounding.TFLITE)
        save(graph, tmp_path / "network.tinyml")
        (name,) = graph.inputs
        value = np.random.default_rng(seed).integers(-32768, 32768, graph.tensors[name].shape).astype(np.int16)
        again = execute(load(tmp_path / "network.tinyml"), {name: value})
        assert all(np.array_equal(again[key], array) for key, array in execute(graph, {name: value}).items())


def alone(op, shape=(1, 4), *, scale=1e-3, output=1e-3, inputs=1):
    b = GraphBuilder("alone", Rounding.TFLITE)
    operands = [b.input(f"x{index}", shape, DType.INT16, Q(scale)) for index in range(inputs)]
    return b.build([b.node(op, operands, name="odd one", quantization=None if output is None else Q(output))])


@pytest.mark.parametrize(
    ("graph", "problem"),
    [
        (linear(Conv2D(), (1, 3, 3, 2), (4, 2, 2, 2), "int64", zero_point=3), "zero point 3"),
        (linear(DepthwiseConv2D(), (1, 3, 3, 2), (1, 2, 2, 2), "int32"), "constant int64 bias"),
        (linear(FullyConnected(), (1, 3), (4, 3), "int32"), "constant int64 bias"),
        (linear(FullyConnected(), (1, 3), (4, 3), "int64", offset=1 << 47), "47-bit"),
        (linear(FullyConnected(), (1, 3), (4, 3), "int64", offset=-(1 << 63)), "47-bit"),
        (alone(MatMul(), (1, 1), scale=1.0, inputs=2), "beyond 64-bit"),
        (alone(MatMul(transpose_right=True), (1, 1 << 17), inputs=2), "47-bit"),
        (alone(Add(), scale=1.0, output=1e-6, inputs=2), "beyond 32-bit"),
        (alone(Mean((1,)), (1, 65536)), "65536 int16"),
        (alone(Reduce("sum", (1,)), (1, 65536)), "65536 int16"),
        (alone(AveragePool2D(kernel=(256, 256)), (1, 256, 256, 1)), "65536 int16"),
        (alone(MaxPool2D(), (1, 2, 2, 1), output=1e-2), "differ"),
        (alone(Softmax()), "1/32768"),
        (alone(Softmax(), scale=6.0, output=1 / 32768), "32-bit"),
        (alone(Unary("tanh")), "1/32768"),
        (alone(Unary("sigmoid"), scale=2.7, output=1 / 32768), "32-bit"),
        (alone(Unary("abs"), scale=40.0), "32-bit"),
        (alone(Unary("exp")), "no int16.*'exp'"),
        (alone(Binary("divide"), inputs=2), "type int16"),
        (alone(Binary("less"), inputs=2, output=None), "type int16"),
        (alone(Reduce("max", (1,))), "type int16"),
        (alone(ArgReduce(1), output=None), "type int16"),
    ],
)
def test_what_is_not_defined_is_refused_by_name(graph, problem):
    with pytest.raises(UnsupportedError, match=f"(?s)odd one.*{problem}|{problem}.*odd one"):
        lower(graph.nodes[0], verify(graph))
