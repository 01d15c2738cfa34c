"""gemmlowp's fixed-point functions on Python integers: the exponential inside softmax.

Source: gemmlowp ``fixedpoint/fixedpoint.h``. A raw value ``r`` of format Qi.f stands for ``r / 2**f``, with i + f = 31.
"""

from __future__ import annotations

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def doubling_high_product(left: int, right: int) -> int:
    """``left * right / 2**31`` rounded to nearest, halves up; saturates the one case that overflows.

    gemmlowp adds a nudge that depends on the sign and truncates towards zero, which comes to the same.
    """
    return min((left * right + (1 << 30)) >> 31, INT32_MAX)


def rounding_right_shift(value: int, by: int) -> int:
    """``value / 2**by`` rounded to nearest, halves away from zero."""
    mask = (1 << by) - 1
    return (value >> by) + ((value & mask) > (mask >> 1) + (value < 0))


def exp_on_negative_values(value: int, integer_bits: int = 5) -> int:
    """``exp(value)`` in Q0.31 of a value <= 0 with up to 5 integer bits.

    A Taylor series within a quarter, then a factor for each bit above it.
    """
    if value == 0:
        return INT32_MAX
    bit_of_quarter = 29 - integer_bits
    fraction = (value & ((1 << bit_of_quarter) - 1)) - (1 << bit_of_quarter)
    result = _exp_within_a_quarter(fraction << integer_bits)
    remainder = fraction - value
    for bit, factor in enumerate(_EXP_OF_MINUS_POWERS[: integer_bits + 2], start=bit_of_quarter):
        if remainder >> bit & 1:
            result = doubling_high_product(result, factor)
    return result


_EXP_OF_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-2**e) in Q0.31 for e = -2 ... 4."""
_EXP_OF_MINUS_EIGHTH, _ONE_THIRD = 1895147668, 715827883


def _exp_within_a_quarter(value: int) -> int:
    """``exp(value)`` for -1/4 <= value < 0, both in Q0.31: the series around -1/8."""
    x = value + (1 << 28)
    x2 = doubling_high_product(x, x)
    x3 = doubling_high_product(x2, x)
    x4 = doubling_high_product(x2, x2)
    cubic = doubling_high_product(rounding_right_shift(x4, 2) + x3, _ONE_THIRD) + x2
    series = x + rounding_right_shift(cubic, 1)
    return _EXP_OF_MINUS_EIGHTH + doubling_high_product(_EXP_OF_MINUS_EIGHTH, series)
