"""Updates of integer parameters: rounding without bias, saturation, and the numbers a device has to repeat."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.reference.updates import draws
from tinyml_core.errors import GraphError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import MergeChannels, SaturatingSubtract, StochasticRound
from tinyml_core.graph.verify import verify

F = np.float32
UNIT = Quantization.per_tensor(1.0)
DRAWS = 100_000


def run(op, *operands):
    b = GraphBuilder("update")
    types = [DType(operand.dtype.name) for operand in operands]
    quantised = [UNIT if dtype is DType.INT8 else None for dtype in types]
    names = [
        b.input(f"x{place}", operand.shape, dtype, quantization)
        for place, (operand, dtype, quantization) in enumerate(zip(operands, types, quantised, strict=True))
    ]
    graph = verify(b.build([b.node(op, names, name="y", quantization=quantised[0])]))
    return execute(graph, dict(zip(names, operands, strict=True)))["y"]


def rounded(values, seed=0, stream=0):
    values = np.asarray(values, F)
    found = run(StochasticRound(stream), values, np.array([seed], np.int32))
    assert (found.dtype, found.shape) == (np.int32, values.shape)
    return found


def uniform(seed, stream, index):
    """The draw of one element, in Python's integers."""

    def mixed(value):
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            value = (value ^ value >> shift) * factor % 2**32
        return value ^ value >> 16

    start = mixed((seed + 0x9E3779B9 * (stream + 1)) % 2**32)
    return Fraction(mixed((start + index) % 2**32) >> 8, 2**24)


@pytest.mark.parametrize(("seed", "stream"), [(0, 0), (1, 0), (0, 1), (-1, 7), (2**31 - 1, 2**31 - 1), (-(2**31), 3)])
def test_draws_are_counted(seed, stream):
    found = draws(seed, stream, 300)
    assert found.dtype == F
    assert [Fraction(float(value)) for value in found] == [uniform(seed, stream, index) for index in range(300)]


def test_draws_that_a_device_has_to_repeat():
    found = (draws(1, 2, 4) * F(2**24)).astype(np.int32)
    assert found.tolist() == [10731534, 11029342, 10203231, 11058875]


def test_rounding_is_the_floor_of_the_exact_sum():
    rng = np.random.default_rng(0)
    values = (rng.normal(0, 1, 4000) * 10.0 ** rng.integers(-9, 10, 4000)).astype(F)
    exact = [math.floor(Fraction(float(x)) + uniform(5, 2, index)) for index, x in enumerate(values)]
    assert rounded(values, 5, 2).tolist() == [max(-(2**30), min(x, 2**30)) for x in exact]


@pytest.mark.parametrize("x", [0.5, -0.5, 0.05, -0.05, 1e-3, -1e-3, 0.999, 3.25, -3.25, 1000.3, -1000.3, 2**22 + 0.5])
def test_rounding_is_unbiased(x):
    found = rounded(np.full(DRAWS, x, F), seed=3)
    assert set(found.tolist()) <= {math.floor(x), math.floor(x) + 1}
    share = float(F(x)) - math.floor(x)
    deviation = math.sqrt(share * (1 - share) / DRAWS)
    assert abs((found - math.floor(x)).mean() - share) < 4 * deviation


@pytest.mark.parametrize("x", [0.5, -0.02])
def test_rounding_is_unbiased_over_the_steps(x):
    """One element at many seeds, as one weight sees them."""
    found = np.array([draws(seed, 0, 1)[0] for seed in range(20_000)])
    share = x - math.floor(x)
    up = (found >= 1 - share).mean()
    assert abs(up - share) < 4 * math.sqrt(share * (1 - share) / len(found))


def test_rounding_repeats_itself_and_no_other():
    values = np.full((20, 50), 0.5, F)
    first = rounded(values, 1, 1)
    assert np.array_equal(first, rounded(values, 1, 1))
    assert np.array_equal(first.ravel(), rounded(values.ravel(), 1, 1))
    for other in (rounded(values, 2, 1), rounded(values, 1, 2), rounded(values, 2, 2)):
        assert 400 < np.count_nonzero(first != other) < 600
    assert abs(np.corrcoef(first.ravel()[1:], first.ravel()[:-1])[0, 1]) < 0.12


def test_integers_stay_what_they_are():
    values = [0.0, -0.0, 1.0, -1.0, 127.0, 8388609.0, 16777215.0, -16777215.0, 2.0**30, -(2.0**30)]
    for seed in range(50):
        assert rounded(values, seed).tolist() == [int(value) for value in values]


def test_what_is_beyond_every_integer():
    values = [math.nan, -math.nan, math.inf, -math.inf, 3e38, -3e38, 2.0**31, 1e-45, -1e-45]
    found = rounded(values, 9).tolist()
    assert found[:7] == [0, 0, 2**30, -(2**30), 2**30, -(2**30), 2**30]
    assert found[7] == 0
    assert found[8] in (-1, 0)


@pytest.mark.parametrize("dtype", [np.int8, np.int32])
def test_subtraction_saturates(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    least, greatest = -(2**31), 2**31 - 1
    values = [low, low, low + 1, high, high, 0, 0, -1, 5, high, low]
    changes = [1, greatest, 1, -1, least, least, greatest, least, 7, 0, 0]
    found = run(SaturatingSubtract(), np.array(values, dtype), np.array(changes, np.int32))
    assert found.dtype == dtype
    assert found.tolist() == [max(low, min(v - c, high)) for v, c in zip(values, changes, strict=True)]
    assert {low, high} <= set(found.tolist())


def test_a_random_walk_without_a_mean_keeps_the_weights():
    """Noise far below one integer must not pull weights towards 0, as truncation does."""
    rng = np.random.default_rng(0)
    start = rng.integers(-60, 61, 20_000).astype(np.int8)

    def walk(rule):
        weights = start
        for seed in range(200):
            weights = rule(weights, rng.normal(0, 0.05, weights.shape).astype(F), seed)
        change = weights.astype(int) - start
        return abs((np.sign(start) * change).sum()) / np.abs(start.astype(int)).sum()

    assert walk(lambda w, change, seed: run(SaturatingSubtract(), w, rounded(change, seed))) <= 0.003
    assert walk(lambda w, change, seed: np.trunc(w - change).astype(np.int8)) > 0.1


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_merged_channels(axis):
    weights = np.arange(-60, 60, dtype=np.int8).reshape(5, 4, 2, 3)
    channels = {0: (0, 2, 4), 1: (3,), 3: (0, 1, 2)}[axis]
    shape = list(weights.shape)
    shape[axis] = len(channels)
    learnt = np.full(shape, 100, np.int8)
    found = run(MergeChannels(channels, axis), weights, learnt)
    for index in range(weights.shape[axis]):
        expected = 100 if index in channels else weights.take(index, axis)
        assert np.array_equal(found.take(index, axis), np.broadcast_to(expected, found.take(index, axis).shape))
    assert weights.max() < 100, "the constant itself has changed"


def refused():
    weights, part, seed = np.zeros((1, 2, 2, 3), np.int8), np.zeros((1, 2, 2, 2), np.int8), np.zeros(1, np.int32)
    yield MergeChannels((1, 0)), (weights, part), "channels are not ascending indices below 3"
    yield MergeChannels((1, 1)), (weights, part), "channels are not ascending"
    yield MergeChannels((1, 3)), (weights, part), "channels are not ascending"
    yield MergeChannels((0, 1), 4), (weights, part), "axis 4 does not suit"
    yield MergeChannels((0, 1, 2)), (weights, part), r"is int8\[1, 2, 2, 2\], not int8\[1, 2, 2, 3\]"
    yield StochasticRound(), (seed, seed), "is int32, not float32"
    yield StochasticRound(), (np.zeros(4, F), np.zeros(2, np.int32)), r"seed 'x1' is int32\[2\], not int32\[1\]"
    yield StochasticRound(-1), (np.zeros(4, F), seed), "stream -1 is no number of 31 bits"
    yield SaturatingSubtract(), (np.zeros(4, F), np.zeros(4, np.int32)), "is float32, not int8 or int32"
    yield SaturatingSubtract(), (part, np.zeros(8, np.int32)), r"is int32\[8\], not int32\[1, 2, 2, 2\]"


@pytest.mark.parametrize(("op", "given", "problem"), list(refused()))
def test_what_does_not_fit_is_refused(op, given, problem):
    with pytest.raises(GraphError, match=problem):
        run(op, *given)
