"""The executor's doors: what it takes, what it returns, and arrays of floats on their way to integers."""

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import ReferenceExecutor, execute
from tinyml_core.arithmetic.quantised import dequantise_array, from_real, quantise_array
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Tensor
from tinyml_core.graph.operator import Operator, TensorType
from tinyml_core.graph.operators import Add, Clamp, Dequantize, Quantize


@pytest.fixture
def graph():
    b = GraphBuilder("doors")
    x = b.input("x", (1, 3), DType.FLOAT32)
    c = b.constant("c", np.array([[1, 2, 3]], np.float32))
    s = b.node(Add(), [x, c], name="sum")
    t = b.node(Add(), [s, s], name="twice")
    return b.build([b.node(Clamp((0.0, 5.0)), [t], name="y"), t])


X = np.array([[-5, 0, 0.5]], np.float32)


def test_outputs_and_what_is_kept(graph):
    found = execute(graph, {"x": X}, keep=["sum", "c", "x"])
    assert {name: array.tolist() for name, array in found.items()} == {
        "y": [[0, 4, 5]], "twice": [[-8, 4, 7]], "sum": [[-4, 2, 3.5]], "c": [[1, 2, 3]], "x": X.tolist(),
    }  # fmt: skip
    assert list(execute(graph, {"x": X})) == ["y", "twice"]


def test_an_executor_can_be_used_again(graph):
    executor = ReferenceExecutor(graph)
    first, _ = executor.run({"x": X}), executor.run({"x": -X})
    assert np.array_equal(first["y"], executor.run({"x": X})["y"])


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({}, "input 'x': is missing"),
        ({"x": X, "z": X}, "'z': is no input of the network, which has 'x'"),
        ({"x": X[0]}, r"input 'x': has float32\[3\], the network takes float32\[1, 3\]"),
        ({"x": X.astype(np.float64)}, r"input 'x': has float64\[1, 3\]"),
        ({"x": X.astype(">f4")}, "input 'x': has >f4"),
    ],
)
def test_wrong_inputs(graph, inputs, problem):
    with pytest.raises(InputError, match=problem):
        execute(graph, inputs)


def test_keeping_what_is_not_there(graph):
    with pytest.raises(InputError, match="'nothing': is no tensor"):
        execute(graph, {"x": X}, keep=["nothing"])


def test_an_operator_nobody_defined():
    class Mystery(Operator):
        kind = "mystery"

        def infer(self, inputs):
            return (TensorType(inputs[0].shape, inputs[0].dtype),)

    b = GraphBuilder("mystery")
    graph = b.build([b.node(Mystery(), [b.input("x", (1,), DType.FLOAT32)], name="who")])
    with pytest.raises(UnsupportedError, match=r"node 'who' \(mystery\): is not defined for inputs of type float32"):
        execute(graph, {"x": X[0, :1]})


INT8 = Tensor("t", (4,), DType.INT8, Quantization.per_tensor(0.5, 3))


def test_quantising_rounds_halves_away_from_zero_and_saturates():
    values = np.array([0, 0.25, -0.25, 0.74, 1e9, -1e9, np.inf, -np.inf, 3.4e38], np.float32)
    assert quantise_array(values, INT8).tolist() == [3, 4, 2, 4, 127, -128, 127, -128, 127]
    assert quantise_array(np.array([1e300, -1e300]), INT8).tolist() == [127, -128]
    assert quantise_array(np.array([[3, -3]]), INT8).tolist() == [[9, -3]]
    just_below_half = np.nextafter(np.float32(0.25), np.float32(0))
    assert quantise_array(np.array([just_below_half]), INT8).tolist() == [3]


@pytest.mark.parametrize("dtype", [DType.INT8, DType.UINT8, DType.INT16])
def test_every_integer_survives_the_way_there_and_back(dtype):
    low, high = dtype.limits
    tensor = Tensor("t", (), dtype, Quantization.per_tensor(0.0123, low + 5))
    every = np.arange(low, high + 1).astype(dtype.numpy)
    real = dequantise_array(every, tensor)
    assert real.dtype == np.float32
    assert np.array_equal(quantise_array(real, tensor), every)
    assert np.allclose(real, (every.astype(int) - low - 5) * 0.0123)


def test_nan_is_refused_at_the_door_and_the_least_integer_inside():
    with pytest.raises(InputError, match=r"tensor 't': .*not numbers"):
        quantise_array(np.array([np.nan]), INT8)
    assert from_real(np.array([np.nan], np.float32), 0.5, 3, DType.INT8).tolist() == [-128]


def test_arrays_that_do_not_suit():
    with pytest.raises(InputError, match="cannot be quantised from <U1"):
        quantise_array(np.array(["a"]), INT8)
    with pytest.raises(InputError, match="has no single scale"):
        quantise_array(X, Tensor("t", (1,), DType.FLOAT32))
    with pytest.raises(InputError, match="has type int8, not int16"):
        dequantise_array(np.zeros(3, np.int16), INT8)


def test_crossings_do_what_the_arrays_do():
    b = GraphBuilder("crossings")
    x = b.input("x", (1, 1000), DType.FLOAT32)
    q = b.node(Quantize(), [x], name="q", quantization=INT8.quantization)
    graph = b.build([b.node(Dequantize(), [q], name="y")])
    values = np.random.default_rng(0).normal(0, 30, (1, 1000)).astype(np.float32)
    found = execute(graph, {"x": values}, keep=["q"])
    assert np.array_equal(found["q"], quantise_array(values, INT8))
    assert np.array_equal(found["y"], dequantise_array(found["q"], INT8))
