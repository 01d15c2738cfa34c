"""Float kernels against loops over float32 scalars: every bit."""

import itertools
import math

import numpy as np
import pytest

from tinyml_core.arithmetic.elementary import exp
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import (
    RELU,
    RELU6,
    Add,
    AveragePool2D,
    BatchNorm,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Softmax,
)

F = np.float32


def normal(*shape, seed=0):
    """Magnitudes far apart, so that another order of the sum gives other bits."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 1, shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(F)


def run(op, *operands):
    b = GraphBuilder("float")
    names = [b.input("x", operands[0].shape, DType.FLOAT32)]
    names += [b.constant(f"c{index}", operand) for index, operand in enumerate(operands[1:])]
    return execute(b.build([b.node(op, names, name="y")]), {"x": operands[0]})["y"]


def same(found, expected):
    assert found.dtype == F
    assert found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()


def clamped(value, activation):
    low, high = F(activation[0]), F(activation[1])
    return low if value < low else high if value > high else value


def test_dense():
    x, w, bias = normal(2, 37), normal(5, 37, seed=1), normal(5, seed=2)
    expected = np.zeros((2, 5), F)
    for row, channel in np.ndindex(2, 5):
        total = F(0)
        for index in range(37):
            total = total + x[row, index] * w[channel, index]
        expected[row, channel] = clamped(total + bias[channel], RELU)
    same(run(FullyConnected(RELU), x, w, bias), expected)
    assert np.any(expected != np.maximum(x @ w.T + bias, 0)), "the order of the sum does not show"


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("multiplier", [0, 1, 2])
def test_convolutions(with_bias, multiplier):
    """``multiplier`` 0 stands for a full convolution."""
    x, bias = normal(1, 5, 6, 3), normal(3 * multiplier or 4, seed=2)
    attributes = {"stride": (2, 1), "padding": (1, 0, 2, 1), "dilation": (1, 2), "activation": RELU6}
    op = DepthwiseConv2D(**attributes) if multiplier else Conv2D(**attributes)
    w = normal(1, 3, 2, 3 * multiplier, seed=1) if multiplier else normal(4, 3, 2, 3, seed=1)
    found = run(op, x, w, *([bias] if with_bias else []))
    expected = np.zeros(found.shape, F)
    for _, row, column, channel in np.ndindex(found.shape):
        total = F(0)
        for y, z in itertools.product(range(3), range(2)):
            h, v = 2 * row + y - 1, column + 2 * z - 2
            if 0 <= h < 5 and 0 <= v < 6:
                if multiplier:
                    total = total + x[0, h, v, channel // multiplier] * w[0, y, z, channel]
                else:
                    for c in range(3):
                        total = total + x[0, h, v, c] * w[channel, y, z, c]
        expected[0, row, column, channel] = clamped(total + bias[channel] if with_bias else total, RELU6)
    same(found, expected)


@pytest.mark.parametrize("operator", [AveragePool2D, MaxPool2D])
def test_poolings(operator):
    x = normal(1, 5, 6, 3)
    found = run(operator(kernel=(3, 2), stride=(2, 2), padding=(1, 1, 0, 1)), x)
    expected = np.zeros(found.shape, F)
    for _, row, column, channel in np.ndindex(found.shape):
        total, greatest, count = F(0), F(-np.inf), 0
        for y, z in itertools.product(range(3), range(2)):
            h, v = 2 * row + y - 1, 2 * column + z
            if 0 <= h < 5 and v < 6:
                value = x[0, h, v, channel]
                total, greatest, count = total + value, max(greatest, value), count + 1
        expected[0, row, column, channel] = greatest if operator is MaxPool2D else total / F(count)
    same(found, expected)


@pytest.mark.parametrize(("axes", "keep"), [((1, 2), False), ((2, 1), True), ((3,), False), ((1, 3), True)])
def test_mean_adds_in_memory_order(axes, keep):
    x = normal(2, 3, 4, 5)
    found = run(Mean(axes, keep), x)
    totals = {}
    for index in np.ndindex(x.shape):
        place = tuple(0 if axis in axes else i for axis, i in enumerate(index))
        totals[place] = totals.get(place, F(0)) + x[index]
    count = F(math.prod(x.shape[axis] for axis in axes))
    same(found, np.array([total / count for total in totals.values()], F).reshape(found.shape))


def test_a_mean_of_negative_zeros_is_zero():
    same(run(Mean((1,)), np.full((1, 3), -0.0, F)), np.zeros((1,), F))


def test_batch_norm():
    x, gamma, beta, mean = normal(1, 3, 3, 4), normal(4, seed=1), normal(4, seed=2), normal(4, seed=3)
    variance = np.abs(normal(4, seed=4))
    expected = np.zeros(x.shape, F)
    for index in np.ndindex(x.shape):
        c = index[-1]
        factor = gamma[c] / np.sqrt(variance[c] + F(1e-3))
        expected[index] = clamped((x[index] - mean[c]) * factor + beta[c], RELU)
    same(run(BatchNorm(1e-3, RELU), x, gamma, beta, mean, variance), expected)


def test_add_and_clamp():
    x, y = normal(1, 200), normal(1, 200, seed=1)
    same(run(Add((-1.0, 1.0)), x, y), np.array([[clamped(a + b, (-1, 1)) for a, b in zip(x[0], y[0], strict=True)]], F))
    same(run(Clamp(RELU), x), np.array([[clamped(value, RELU) for value in x[0]]], F))


def test_clamp_passes_negative_zero_and_nan_and_huge_limits():
    values = np.array([[-0.0, np.nan, np.inf, 1e30]], F)
    same(run(Clamp((0.0, 1e300)), values), values)


def scalar_exp(x):
    """The algorithm of docs/arithmetic.md on scalars, as C does it."""
    if not x >= F(-87):
        return F(0)
    n = np.trunc(x * F(1.44269504088896341) - F(0.5))
    r = x - n * F(0.693359375)
    r = r - n * F(-2.12194440e-4)
    p = F(1.9875691500e-4)
    for c in (1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        p = p * r + F(c)
    y = p * (r * r) + r + F(1)
    return y * np.array((int(n) + 127) << 23, np.int32).view(F)[()]


def test_exponential_is_the_documented_one_and_accurate():
    rng = np.random.default_rng(0)
    values = np.concatenate([-np.abs(rng.normal(0, 10, 5000)), np.linspace(-87, 0, 2000), [-0.0, -1e-30]]).astype(F)
    found = exp(values)
    same(found, np.array([scalar_exp(value) for value in values], F))
    exact = np.exp(values.astype(np.float64))
    assert (np.abs(found - exact) / np.spacing(exact.astype(F))).max() < 1.5
    assert found.min() >= np.finfo(F).tiny
    assert exp(np.array([-87.1, -np.inf, -1e38], F)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_softmax(beta):
    x = normal(3, 11)
    expected = np.zeros(x.shape, F)
    for row, values in enumerate(x):
        shares = [scalar_exp((value - max(values)) * F(beta)) for value in values]
        total = F(0)
        for share in shares:
            total = total + share
        expected[row] = [share / total for share in shares]
    found = run(Softmax(beta), x)
    same(found, expected)
    assert np.allclose(found.sum(axis=1), 1)


def test_softmax_with_a_beta_that_turns_it_round_is_refused():
    with pytest.raises(UnsupportedError, match=r"node 'y' \(softmax\).*beta -1"):
        run(Softmax(-1.0), normal(1, 3))
