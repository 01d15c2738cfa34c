"""Fixed-point functions on Python integers, as TensorFlow Lite's int8 kernels evaluate them.

Sources: gemmlowp ``fixedpoint/fixedpoint.h`` (logistic, tanh, the reciprocal) and TensorFlow Lite ``common.h`` (the
logarithm, the reciprocal square root). A raw value ``r`` of format Qi.f stands for ``r / 2**f``, with i + f = 31.
"""

from __future__ import annotations

from tinyml_core.arithmetic.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    doubling_high_product,
    exp_on_negative_values,
    rounding_right_shift,
)

LN_2, SQRT_HALF, FOURTH_ROOT_HALF = 1488522236, 1518500250, 1805811301
"""In Q0.31."""


def saturating_left_shift(value: int, by: int) -> int:
    """``value * 2**by`` within 32 bits."""
    return min(max(value << by, INT32_MIN), INT32_MAX)


def logistic(value: int) -> int:
    """``1 / (1 + exp(-value))`` in Q0.31 of a value in Q4.27."""
    if value == 0:
        return 1 << 30
    result = reciprocal_of_one_plus(exp_on_negative_values(-abs(value), integer_bits=4))
    return result if value > 0 else INT32_MAX - result


def tanh(value: int) -> int:
    """``tanh(value)`` in Q0.31 of a value in Q4.27."""
    if value == 0:
        return 0
    quotient = _half_reciprocal(exp_on_negative_values(-abs(value)))  # the raw value in Q5.26 is twice as much
    result = saturating_left_shift(quotient - (1 << 29), 2)
    return result if value > 0 else -result


def reciprocal_of_one_plus(value: int) -> int:
    """``1 / (1 + value)`` of a value from 0 to 1, both in Q0.31."""
    return saturating_left_shift(_half_reciprocal(value), 1)


def _half_reciprocal(value: int) -> int:
    """``2 / (1 + value)`` in Q2.29 of a value in Q0.31: three Newton-Raphson steps."""
    half = _half_sum(value, INT32_MAX)
    x = 1515870810 + doubling_high_product(half, -1010580540)  # 48/17 - 32/17 * half
    for _ in range(3):
        error = (1 << 29) - doubling_high_product(half, x)
        x += saturating_left_shift(doubling_high_product(x, error), 2)
    return x


def _half_sum(left: int, right: int) -> int:
    """Half of a sum, halves away from zero."""
    total = left + right
    return (total + 1) >> 1 if total >= 0 else -((1 - total) >> 1)


def reciprocal(value: int) -> tuple[int, int]:
    """Mantissa (``2**31`` stands for 1) and exponent with ``1 / value`` = mantissa / 2**31 / 2**exponent; value > 0."""
    bits = value.bit_length()
    return reciprocal_of_one_plus((value << (32 - bits)) - (1 << 31)), bits - 1


def inverse_square_root(value: int) -> tuple[int, int]:
    """Mantissa and shift (never positive) with ``1 / sqrt(value)`` = mantissa / 2**31 * 2**shift; 0 counts as 1."""
    if value <= 1:
        return INT32_MAX, 0
    shift = 11
    while value >= 1 << 29:
        value >>= 2
        shift += 1
    pairs = (32 - value.bit_length() - 1) // 2 - 1
    shift -= pairs
    half = rounding_right_shift((value << (2 * pairs)) >> 1, 1)  # of the value in Q3.28
    x = 1 << 28
    for _ in range(5):
        cube = saturating_left_shift(doubling_high_product(doubling_high_product(x, x), x), 6)
        x = saturating_left_shift(doubling_high_product(3 << 27, x) - doubling_high_product(half, cube), 3)
    x = doubling_high_product(x, SQRT_HALF)
    return (x << -shift, 0) if shift < 0 else (x, -shift)


def logarithm(value: int) -> int:
    """Natural logarithm in Q5.26 of a value of at least 1 in Q12.19.

    The mantissa is taken relative to two bases a half power of two apart; the one that brings it nearer to the fourth
    root of one half wins, and a rational function does the rest.
    """
    zeros = 32 - value.bit_length()
    first = saturating_left_shift(doubling_high_product(saturating_left_shift(value, zeros - 1), SQRT_HALF), 1)
    first_power = ((12 - zeros) << 25) + (1 << 23)
    room = 31 - doubling_high_product(value, SQRT_HALF).bit_length()
    second = saturating_left_shift(value, room)
    second_power = ((12 - room) << 25) - (1 << 23)
    r = min(first, second)
    p, q = _half_sum(r, FOURTH_ROOT_HALF), 2 * (r - FOURTH_ROOT_HALF)
    square = doubling_high_product(q, q)
    numerator = doubling_high_product(q, r) + doubling_high_product(doubling_high_product(q, square), 117049297)
    denominator = doubling_high_product(p, 1057819769 + q + doubling_high_product(127690142, square))
    denominator += doubling_high_product(638450708, q)
    fraction = doubling_high_product(rounding_right_shift(numerator, 6), reciprocal_of_one_plus(denominator))
    whole = doubling_high_product(max(first_power, second_power), LN_2)
    return saturating_left_shift(whole + fraction, 1)
