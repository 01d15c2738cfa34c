"""gemmlowp's fixed-point functions on Python integers: the exponential and the reciprocal inside softmax.

Source: gemmlowp ``fixedpoint/fixedpoint.h``. A raw value ``r`` of format Qi.f stands for ``r / 2**f``, with i + f = 31.
"""

from __future__ import annotations

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def doubling_high_product(left: int, right: int) -> int:
    """``left * right / 2**31`` rounded to nearest, halves away from zero; saturates the one case that overflows."""
    product = left * right
    magnitude = (abs(product) + (1 << 30) - (product < 0)) >> 31
    if product < 0:
        # The nudge of a negative product is one short of a half, and C division truncates: halves go away from zero less
        # one ulp, that is, towards zero.
        return -magnitude
    return min(magnitude, INT32_MAX)


def _saturating_left_shift(value: int, by: int) -> int:
    return min(max(value << by, INT32_MIN), INT32_MAX)


def rounding_right_shift(value: int, by: int) -> int:
    """``value / 2**by`` rounded to nearest, halves away from zero."""
    mask = (1 << by) - 1
    return (value >> by) + ((value & mask) > (mask >> 1) + (value < 0))
