"""Pointwise operators, reductions and normalisations of plain numbers against NumPy and plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import (
    Add,
    ArgReduce,
    Binary,
    Cast,
    Clamp,
    L2Norm,
    LayerNorm,
    LogSoftmax,
    Reduce,
    Select,
    Unary,
)
from tinyml_core.graph.verify import verify

F = np.float32
INTEGERS = [np.int32, np.int64]


def run(op, *operands):
    b = GraphBuilder("g")
    names = [b.input(f"x{i}", each.shape, DType(each.dtype.name)) for i, each in enumerate(operands)]
    graph = verify(b.build([b.node(op, names, name="y")]))
    found = execute(graph, dict(zip(names, operands, strict=True)))["y"]
    assert (found.shape, found.dtype) == (graph.tensors["y"].shape, graph.tensors["y"].dtype.numpy)
    return found


def integers(dtype, seed=0, size=400):
    """Small and large ones, and the ends."""
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype)
    whole = rng.integers(info.min, info.max, size, np.int64, endpoint=True) >> rng.integers(0, info.bits, size)
    return rng.permutation(np.concatenate([whole, [info.min, info.max, 0, -1, 1, -2, 2, 3]])).astype(dtype)


def wrapped(value, dtype):
    bits = np.iinfo(dtype).bits
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def truncated(x, y):
    return 0 if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def integer_power(x, y, dtype):
    if y >= 0:
        return wrapped(pow(x, y, 1 << 64), dtype)
    return {1: 1, -1: 1 if y % 2 == 0 else -1}.get(x, 0)


ON_INTEGERS = {
    "divide": truncated,
    "maximum": max,
    "minimum": min,
    "modulo": lambda x, y: x % y if y else 0,
    "multiply": lambda x, y: x * y,
    "prelu": lambda x, y: x * y if x < 0 else x,
    "remainder": lambda x, y: x - y * truncated(x, y) if y else 0,
    "squared_difference": lambda x, y: (x - y) ** 2,
    "subtract": lambda x, y: x - y,
    "equal": lambda x, y: x == y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "not_equal": lambda x, y: x != y,
}


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("function", [*ON_INTEGERS, "power", "add"])
def test_integers_against_python(function, dtype):
    x, y = integers(dtype), integers(dtype, 1)
    exact = {
        **ON_INTEGERS,
        "power": lambda a, b: integer_power(a, b, dtype),
        "add": lambda a, b: a + b,
    }[function]
    found = run(Add() if function == "add" else Binary(function), x, y)
    expected = [wrapped(exact(a, b), dtype) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    assert found.tolist() == expected


@pytest.mark.parametrize("dtype", INTEGERS)
def test_functions_of_one_integer(dtype):
    x = integers(dtype)
    for function, exact in (("abs", abs), ("negate", lambda v: -v), ("sign", lambda v: (v > 0) - (v < 0))):
        assert run(Unary(function), x).tolist() == [wrapped(exact(v), dtype) for v in x.tolist()]
    assert run(Clamp((-2.5, 9.7)), x).tolist() == [min(max(v, -2), 9) for v in x.tolist()]
    assert run(Clamp((-math.inf, 1e300)), x).tolist() == x.tolist()


@pytest.mark.parametrize("shapes", [((3, 1, 4), (2, 1)), ((), (5,)), ((2, 3), (2, 3)), ((1, 1), (4, 1, 2))])
def test_floats_broadcast_as_numpy_does(shapes):
    rng = np.random.default_rng(0)
    x, y = (rng.normal(0, 5, shape).astype(F) for shape in shapes)
    oracle = {
        "divide": np.divide,
        "maximum": np.maximum,
        "minimum": np.minimum,
        "modulo": np.mod,
        "multiply": np.multiply,
        "remainder": np.fmod,
        "squared_difference": lambda x, y: np.square(x - y),
        "subtract": np.subtract,
        "less": np.less,
        "equal": np.equal,
    }
    for function, exact in oracle.items():
        assert np.array_equal(run(Binary(function), x, y), exact(x, y)), function
    assert np.array_equal(run(Add((-1.0, 2.0)), x, y), np.clip(x + y, F(-1), F(2)))
    assert np.array_equal(run(Binary("prelu"), x, y), np.where(x < 0, x * y, x * np.ones_like(y)))
    assert np.array_equal(run(Select(), x > 0, y, y - 1), np.where(x > 0, y, y - 1))


def test_logic():
    x, y = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    for function, expected in (("and", x & y), ("or", x | y), ("xor", x ^ y), ("equal", x == y), ("less", ~x & y)):
        assert np.array_equal(run(Binary(function), x, y), expected)
    assert np.array_equal(run(Unary("not"), x), ~x)


def test_casts():
    x = np.array([0.0, -0.9, 1.9, -7.5, 3e9, -3e9, 2.0**63, -(2.0**63), np.inf, -np.inf, np.nan], F)
    least, greatest = -(1 << 63), (1 << 63) - 1
    expected = [0, 0, 1, -7, 3000000000, -3000000000, greatest, least, greatest, least, 0]
    assert run(Cast("int64"), x).tolist() == expected
    assert run(Cast("int32"), x).tolist() == [min(max(v, -(1 << 31)), (1 << 31) - 1) for v in expected]
    assert run(Cast("bool"), x).tolist() == [value != 0 for value in x.tolist()]
    whole = integers(np.int64)
    assert run(Cast("int32"), whole).tolist() == [wrapped(v, np.int32) for v in whole.tolist()]
    assert run(Cast("float32"), whole).tolist() == [float(F(v)) for v in whole.tolist()]
    assert run(Cast("int32"), np.array([True, False])).tolist() == [1, 0]


FLOAT_REDUCTIONS = {
    "l1": lambda x, axes: np.abs(x).sum(axes),
    "l2": lambda x, axes: np.sqrt((x * x).sum(axes)),
    "log_sum": lambda x, axes: np.log(x.sum(axes)),
    "log_sum_exp": lambda x, axes: np.log(np.exp(x).sum(axes)),
    "max": lambda x, axes: x.max(axes),
    "min": lambda x, axes: x.min(axes),
    "product": lambda x, axes: x.prod(axes),
    "sum": lambda x, axes: x.sum(axes),
    "sum_square": lambda x, axes: (x * x).sum(axes),
}


@pytest.mark.parametrize("axes", [(0,), (2, 0), (1, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize("function", FLOAT_REDUCTIONS)
def test_float_reductions(function, axes):
    x = np.random.default_rng(0).uniform(0.1, 2, (2, 3, 4, 5)).astype(F)
    expected = FLOAT_REDUCTIONS[function](x.astype(np.float64), tuple(sorted(axes)))
    assert np.allclose(run(Reduce(function, axes), x), expected, rtol=1e-5)
    assert run(Reduce(function, axes, keep_axes=True), x).shape == tuple(
        1 if axis in axes else size for axis, size in enumerate(x.shape)
    )


def test_a_sum_runs_in_memory_order():
    x = np.array([[1e8, 1.0], [-1e8, 1.0]], F)
    total = F(0)
    for value in x.ravel():
        total = total + value
    assert run(Reduce("sum", (1, 0)), x) == total != F(2)


def test_log_sum_exp_of_large_and_infinite_numbers():
    x = np.array([[1000, 1000], [-np.inf, -np.inf], [np.inf, 0]], F)
    assert np.allclose(run(Reduce("log_sum_exp", (1,)), x), [1000 + math.log(2), -np.inf, np.inf])


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_reductions(dtype):
    x = integers(dtype, size=392).reshape(20, 20)
    rows = x.tolist()
    for function, exact in {
        "l1": lambda row: sum(map(abs, row)),
        "max": max,
        "min": min,
        "product": math.prod,
        "sum": sum,
        "sum_square": lambda row: sum(v * v for v in row),
    }.items():
        assert run(Reduce(function, (1,)), x).tolist() == [wrapped(exact(row), dtype) for row in rows], function


@pytest.mark.parametrize("least", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_first_and_last_of_equals(least, last):
    x = np.array([[3, 1, 3, 1, 2], [5, 5, 5, 5, 5]], F)
    sought = x.min(1) if least else x.max(1)
    places = [np.flatnonzero(row == value)[-1 if last else 0] for row, value in zip(x, sought, strict=True)]
    assert run(ArgReduce(1, least, last), x).tolist() == places


def test_normalisations_of_rows():
    rng = np.random.default_rng(0)
    x, gamma, beta = (rng.normal(size=shape).astype(F) for shape in ((2, 3, 4), (3, 4), (3, 4)))
    wide = x.astype(np.float64)
    centred = wide - wide.mean((1, 2), keepdims=True)
    scaled = centred / np.sqrt(wide.var((1, 2), keepdims=True) + 1e-3) * gamma
    assert np.allclose(run(LayerNorm(1, 1e-3), x, gamma), scaled, atol=1e-5)
    assert np.allclose(run(LayerNorm(-2, 1e-3), x, gamma, beta), scaled + beta, atol=1e-5)
    assert np.allclose(run(L2Norm(), x), wide / np.linalg.norm(wide, axis=-1, keepdims=True), atol=1e-6)
    assert np.allclose(run(L2Norm(100.0), x), wide / 10, atol=1e-6)
    exact = wide - np.log(np.exp(wide).sum(-1, keepdims=True))
    assert np.allclose(run(LogSoftmax(), x), exact, atol=1e-6)


@pytest.mark.parametrize(
    ("op", "dtype", "words"),
    [
        (Unary("exp"), DType.INT32, "'exp' is not defined for inputs of type int32"),
        (Unary("not"), DType.FLOAT32, "'not' is not defined"),
        (Reduce("l2", (0,)), DType.INT64, "'l2' is not defined for inputs of type int64"),
        (LogSoftmax(), DType.INT32, "not defined for inputs of type int32"),
    ],
)
def test_what_is_not_defined_is_named(op, dtype, words):
    b = GraphBuilder("g")
    graph = b.build([b.node(op, [b.input("x", (3,), dtype)], name="odd one")])
    with pytest.raises(UnsupportedError, match=words) as caught:
        execute(graph, {"x": np.zeros(3, dtype.numpy)})
    assert "odd one" in str(caught.value)


@pytest.mark.parametrize("op", [Unary("abs"), Clamp((0, 1)), Reduce("max", (0,))])
def test_integers_with_a_scale_do_not_pass_for_plain_ones(op):
    b = GraphBuilder("g")
    scale = Quantization.per_tensor(0.5)
    graph = b.build([b.node(op, [b.input("x", (3,), DType.INT32, scale)], name="scaled", quantization=scale)])
    with pytest.raises(UnsupportedError, match="scaled"):
        execute(graph, {"x": np.zeros(3, np.int32)})
