"""Exponential, logarithm and power.

Source of the polynomials and constants: ``expf`` and ``logf`` of the Cephes library (S. Moshier). x = n ln 2 + r with r
from -ln(2)/2 to ln(2)/2, and exp(r) - 1 by a polynomial; the logarithm of a mantissa from sqrt(1/2) to sqrt(2).
"""

from __future__ import annotations

import numpy as np

from tinyml_core.arithmetic.elementary.number import (
    INFINITY,
    NAN,
    F,
    Float32,
    Int32,
    bits_of,
    constants,
    polynomial,
    power_of_two,
    select,
)

LOG2_E, LN2_HIGH, LN2_LOW = constants(1.44269504088896341, 0.693359375, -2.12194440e-4)
"""The last two add up to ln 2; n times the first of them is exact."""
EXP = constants(1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
LOG = constants(
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
SMALLEST_NORMAL = F(2.0**-126)
LARGEST_REPEATED = F(64)
"""Integer exponents up to this one are carried out by multiplications."""


def exp(x: Float32) -> Float32:
    """``e**x``; 0 below -87, where the results would turn subnormal. At most 1.5 units in the last place off."""
    n, q = _reduced(np.where(x >= F(-87), np.where(x > F(89), F(89), x), F(0)))
    y = _scaled(q + F(1), n)
    return select((x >= F(-87), y), (x < F(-87), F(0)), otherwise=x)


def expm1(x: Float32) -> Float32:
    """``e**x - 1``, accurate near 0."""
    n, q = _reduced(np.where(x >= F(-20), np.where(x > F(80), F(80), x), F(0)))
    y = _scaled(q, n) + (power_of_two(n) - F(1))
    return select((x > F(80), exp(x)), (x >= F(-20), y), (x < F(-20), F(-1)), otherwise=x)


def _reduced(x: Float32) -> tuple[Int32, Float32]:
    """N and ``e**r - 1`` of x = n ln 2 + r, |x| <= 89."""
    n = np.asarray(x * LOG2_E + np.where(x > F(0), F(0.5), F(-0.5))).astype(np.int32)
    whole = n.astype(F)
    r = x - whole * LN2_HIGH
    r = r - whole * LN2_LOW
    return n, polynomial(r, EXP) * (r * r) + r


def _scaled(y: Float32, n: Int32) -> Float32:
    """``y * 2**n`` in two steps, since 2**128 is no float32."""
    half = n >> 1
    return y * power_of_two(half) * power_of_two(n - half)


def log(x: Float32) -> Float32:
    """Natural logarithm; -infinity of 0, NaN of negative numbers."""
    tiny = x < SMALLEST_NORMAL
    bits = bits_of(np.where(tiny, x * F(8388608), x))
    exponent = (bits >> 23) - np.where(tiny, np.int32(126 + 23), np.int32(126))
    mantissa = ((bits & 0x7FFFFF) | 0x3F000000).view(F)
    low = mantissa < F(0.707106781186547524)
    whole = np.where(low, exponent - 1, exponent).astype(F)
    m = np.where(low, mantissa + mantissa, mantissa) - F(1)
    z = m * m
    y = polynomial(m, LOG) * m * z
    y = y + whole * LN2_LOW
    y = y - z * F(0.5)
    y = m + y
    y = y + whole * LN2_HIGH
    return select((x == F(0), -INFINITY), (x < F(0), NAN), (x < INFINITY, y), otherwise=x)


def log1p(x: Float32) -> Float32:
    """``log(1 + x)``, accurate near 0."""
    u = x + F(1)
    correction = (x - (u - F(1))) / u
    beyond = (u > F(16777216)) | ~(u > F(0))
    return select((u == F(1), x), (beyond, log(u)), otherwise=log(u) + correction)


def power(x: Float32, y: Float32) -> Float32:
    """``x**y``: multiplications for integer exponents up to 64, else ``exp(y * log(x))``, at most 1e-5 of it off."""
    whole = np.trunc(y) == y
    few = whole & (np.abs(y) <= LARGEST_REPEATED)
    return np.where(few, _repeated(x, np.where(few, y, F(0))), _general(x, y, whole))


def _repeated(x: Float32, y: Float32) -> Float32:
    count = np.abs(y).astype(np.int32)
    result, base = np.ones(np.broadcast_shapes(x.shape, y.shape), F), x
    for bit in range(7):
        result = np.where((count >> bit) & 1, result * base, result)
        base = base * base
    return np.where(y < F(0), F(1) / result, result)


def _general(x: Float32, y: Float32, whole: Float32) -> Float32:
    magnitude = np.abs(x)
    p = exp(y * log(magnitude))
    small = np.abs(y) < F(16777216)
    odd = whole & small & ((np.where(small, y, F(0)).astype(np.int32) & 1) == 1)
    return select(
        (magnitude == F(1), np.where((x < F(0)) & odd, F(-1), np.where((x < F(0)) & ~whole, NAN, F(1)))),
        ((x < F(0)) & ~whole & (magnitude < INFINITY), NAN),
        ((x < F(0)) & odd, -p),
        otherwise=p,
    )
