"""Multipliers and requantisation against literal C semantics in Python integers, and against exact arithmetic."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from tinyml_core.arithmetic.fixed_point import doubling_high_product, exp_on_negative_values, rounding_right_shift
from tinyml_core.arithmetic.lowering import activation_limits
from tinyml_core.arithmetic.multiplier import Multipliers, multipliers, quantise_multiplier
from tinyml_core.arithmetic.requantise import (
    doubling_high_multiply,
    requantise,
    rounding_shift_right,
    wrap_int32,
)
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, Quantization, Rounding, Tensor

LOW, HIGH = -(1 << 31), (1 << 31) - 1
EDGES = [0, 1, -1, 2, -2, 3, 1 << 30, -(1 << 30), (1 << 30) - 1, 1 << 20, LOW, LOW + 1, HIGH, HIGH - 1]
SCALES = [
    0.0, 3.9e-9, 1e-12, 1e-5, 0.0123, 0.25, 0.49999999, 0.4999999999,
    0.5, 0.75, 0.99999999999, 1.0, 1.5, 1000.1, 2.0**29.9,
]  # fmt: skip


def numbers(count=500):
    rng = np.random.default_rng(3)
    spread = rng.integers(LOW, HIGH, count, endpoint=True) >> rng.integers(0, 31, count)
    return [*EDGES, *(int(value) for value in spread)]


def c_divide(dividend, divisor):
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def c_int32(value):
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def gemmlowp_doubling_high_multiply(a, b):
    if a == b == LOW:
        return HIGH
    product = a * b
    nudge = 1 << 30 if product >= 0 else 1 - (1 << 30)
    return c_divide(product + nudge, 1 << 31)


def gemmlowp_divide_by_power_of_two(x, exponent):
    mask = (1 << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if remainder > threshold else 0)


def tflite_multiply(x, mantissa, shift):
    left, right = max(shift, 0), max(-shift, 0)
    return gemmlowp_divide_by_power_of_two(gemmlowp_doubling_high_multiply(c_int32(x * (1 << left)), mantissa), right)


def test_doubling_high_multiply_is_gemmlowps():
    for b in (*EDGES, 1610612736, -1010580540):
        a = numbers(100)
        expected = [gemmlowp_doubling_high_multiply(value, b) for value in a]
        assert doubling_high_multiply(np.array(a), np.int64(b)).tolist() == expected
        assert [doubling_high_product(value, b) for value in a] == expected


@pytest.mark.parametrize("exponent", [0, 1, 2, 12, 30, 31])
def test_rounding_shift_is_gemmlowps(exponent):
    expected = [gemmlowp_divide_by_power_of_two(value, exponent) for value in numbers()]
    assert rounding_shift_right(np.array(numbers()), exponent).tolist() == expected
    assert [rounding_right_shift(value, exponent) for value in numbers()] == expected


@pytest.mark.parametrize("exponent", [1, 7])
def test_rounding_shift_takes_halves_away_from_zero(exponent):
    values = np.arange(-1000, 1000)
    exact = values / 2**exponent
    assert np.array_equal(rounding_shift_right(values, exponent), np.sign(exact) * np.floor(np.abs(exact) + 0.5))


@pytest.mark.parametrize("scale", SCALES)
def test_tflite_requantisation_is_the_c_code(scale):
    by = multipliers([scale], Rounding.TFLITE)
    expected = [tflite_multiply(value, by.mantissa[0], by.shift[0]) for value in numbers()]
    assert requantise(np.array(numbers())[:, None], by)[:, 0].tolist() == expected


@pytest.mark.parametrize("scale", SCALES)
def test_tflite_mantissa_is_the_nearest(scale):
    mantissa, shift = quantise_multiplier(scale)
    assert mantissa == 0 or 1 << 30 <= mantissa <= HIGH
    assert abs(Fraction(mantissa) * Fraction(2) ** (shift - 31) - Fraction(scale)) <= Fraction(2) ** (shift - 32)


@pytest.mark.parametrize("scale", SCALES)
def test_single_requantisation_rounds_once(scale):
    by = multipliers([scale], Rounding.SINGLE)
    (mantissa,), (shift,) = by.mantissa, by.shift
    factor = Fraction(mantissa, 1 << (32 - shift))
    # Half a unit of the mantissa, which ties up.
    assert Fraction(-1, 2) < (factor - Fraction(scale)) * (1 << (32 - shift)) <= Fraction(1, 2)
    assert 0 <= mantissa <= HIGH
    assert shift == 0 or mantissa >= 1 << 30
    exact = [math.floor(value * factor + Fraction(1, 2)) for value in numbers()]
    assert requantise(np.array(numbers())[:, None], by)[:, 0].tolist() == exact


@pytest.mark.parametrize("scale", [scale for scale in SCALES if scale < 0.49999])
def test_single_without_shift_is_smmulr(scale):
    by = multipliers([scale], Rounding.SINGLE)
    assert by.shift == (0,)
    smmulr = [(value * by.mantissa[0] + 0x80000000) >> 32 for value in numbers()]
    assert requantise(np.array(numbers())[:, None], by)[:, 0].tolist() == smmulr


@pytest.mark.parametrize("scale", [scale for scale in SCALES if scale >= 0.5])
def test_saturating_the_shifted_accumulator_changes_nothing_that_a_clamp_lets_through(scale):
    by = multipliers([scale], Rounding.SINGLE)
    for value in numbers():
        saturated = min(max(value << by.shift[0], LOW), HIGH)
        short_way = (saturated * by.mantissa[0] + 0x80000000) >> 32
        (whole,) = requantise(np.array([value]), by).tolist()
        assert min(max(short_way, -512), 512) == min(max(whole, -512), 512)


def test_a_dead_channel_keeps_its_value_beside_one_that_needs_a_shift():
    scales = [3.9e-9, 0.9]
    for rounding in Rounding:
        by = multipliers(scales, rounding)
        for bias in (LOW, HIGH):
            dead, _ = requantise(np.array([[bias, 0]]), by)[0].tolist()
            assert abs(dead - bias * scales[0]) <= 0.75


def test_both_roundings_stay_within_one():
    rng = np.random.default_rng(5)
    for scale in rng.uniform(1e-4, 2, 50):
        reach = min(HIGH, int(300 / scale))
        values = rng.integers(-reach, reach, 200)[:, None]
        results = [requantise(values, multipliers([scale], rounding)) for rounding in Rounding]
        assert np.abs(results[0] - results[1]).max() <= 1


def test_channels_have_factors_of_their_own():
    rows = np.array([[1000, 1000, 1000], [-7, 8, 9]])
    for rounding in Rounding:
        together = requantise(rows, multipliers([0.1, 0.7, 3.0], rounding))
        for channel, scale in enumerate([0.1, 0.7, 3.0]):
            alone = requantise(rows[:, channel : channel + 1], multipliers([scale], rounding))
            assert np.array_equal(together[:, channel], alone[:, 0])


@pytest.mark.parametrize("scale", [2.0**30, math.inf, math.nan])
def test_impossible_scales_are_refused_with_their_place(scale):
    for rounding in Rounding:
        with pytest.raises(UnsupportedError, match=r"node 'a'.*beyond 32-bit"):
            multipliers([0.1, scale] if scale == scale else [scale], rounding, "node 'a'")


def test_wrap():
    assert wrap_int32(np.array([HIGH + 1, LOW - 1, 1 << 32, 5])).tolist() == [LOW, HIGH, 0, 5]


def test_requantise_accepts_one_factor_for_all_channels():
    values = np.arange(-50, 50).reshape(10, 10)
    by = Multipliers(Rounding.SINGLE, (1 << 30,), (0,))
    assert np.array_equal(requantise(values, by), (values + 2) // 4)


def test_exponential_is_near_the_real_one_and_falls():
    values = [-(k << 16) for k in range(0, 31 << 10, 7)]
    found = [exp_on_negative_values(value) for value in values]
    assert all(a >= b for a, b in itertools.pairwise(found))
    for value, result in zip(values, found, strict=True):
        assert abs(result / 2**31 - math.exp(value / 2**26)) < 2e-8 + 3e-7 * math.exp(value / 2**26)


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "expected"),
    [
        ((-math.inf, math.inf), 0.1, 3, (-128, 127)),
        ((0.0, math.inf), 0.1, 3, (3, 127)),
        ((0.0, 6.0), 0.1, -128, (-128, -68)),
        ((0.0, 6.0), 0.001, 0, (0, 127)),
        ((-0.25, 0.25), 0.1, 0, (-3, 3)),  # halves away from zero
        ((0.0, 6.0), 1e-42, 0, (0, 127)),
        ((200.0, 300.0), 1.0, 0, (127, 127)),
        ((-300.0, -200.0), 1.0, 0, (-128, -128)),
        ((0.0, 3e38), 1e-30, 0, (0, 127)),
    ],
)
def test_activation_limits(activation, scale, zero_point, expected):
    tensor = Tensor("t", (1,), DType.INT8, Quantization.per_tensor(scale, zero_point))
    assert activation_limits(activation, tensor) == expected
