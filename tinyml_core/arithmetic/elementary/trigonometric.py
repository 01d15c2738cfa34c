"""Sine, cosine, tangent and their inverses.

The reduction modulo pi/2 is Payne and Hanek's ("Radian Reduction for Trigonometric Functions", 1983): 96 bits of 2/pi
times the 24 bits of the argument, in integers, so that it is exact enough for every float32. Source of the polynomials:
``sinf``, ``tanf``, ``asinf`` and ``atanf`` of the Cephes library (S. Moshier).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.elementary.number import (
    INFINITY,
    NAN,
    F,
    Float32,
    Int32,
    bits_of,
    constants,
    polynomial,
    select,
)

TWO_OVER_PI = np.array(
    [0, 0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB], np.uint64
)
"""Bits of 2/pi behind the point, 32 to the word, after a word of zeros."""
PI, HALF_PI, QUARTER_PI = constants(3.14159265358979324, 1.57079632679489662, 0.785398163397448310)
QUARTER_TURN = F(1.57079632679489662 * 2.0**-62)
SIN = constants(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS = constants(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
TAN = constants(
    9.38540185543e-3, 3.11992232697e-3, 2.44301354525e-2, 5.34112807005e-2, 1.33387994085e-1, 3.33331568548e-1
)
ASIN = constants(4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1)
ATAN = constants(8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1)


def sin(x: Float32) -> Float32:
    """Sine; NaN of an infinity."""
    quadrant, r = _reduced(x)
    y = np.where(quadrant & 1, _cos(r), _sin(r))
    return select((np.abs(x) < INFINITY, np.where(quadrant & 2, -y, y)), otherwise=NAN)


def cos(x: Float32) -> Float32:
    """Cosine; NaN of an infinity."""
    quadrant, r = _reduced(x)
    y = np.where(quadrant & 1, _sin(r), _cos(r))
    return select((np.abs(x) < INFINITY, np.where((quadrant + 1) & 2, -y, y)), otherwise=NAN)


def tan(x: Float32) -> Float32:
    """Tangent; NaN of an infinity."""
    quadrant, r = _reduced(x)
    z = r * r
    y = polynomial(z, TAN) * z * r + r
    return select((np.abs(x) < INFINITY, np.where(quadrant & 1, F(-1) / y, y)), otherwise=NAN)


def _sin(r: Float32) -> Float32:
    z = r * r
    y: Float32 = polynomial(z, SIN) * z * r + r
    return y


def _cos(r: Float32) -> Float32:
    z = r * r
    y: Float32 = polynomial(z, COS) * z * z - z * F(0.5) + F(1)
    return y


def _reduced(x: Float32) -> tuple[Int32, Float32]:
    """Quadrant and rest of x = quadrant * pi/2 + rest (modulo 2 pi), the rest from -pi/4 to pi/4."""
    bits = bits_of(np.where(np.abs(x) < INFINITY, x, F(0)))
    first = np.maximum(((bits >> 23) & 0xFF) - 120, 0)  # bits of TWO_OVER_PI before it make whole turns
    mantissa = ((bits & 0x7FFFFF) | 0x800000).astype(np.uint64)
    word, shift = first >> 5, (first & 31).astype(np.uint64)
    pairs = (TWO_OVER_PI[word + k] << np.uint64(32) | TWO_OVER_PI[word + k + 1] for k in range(3))
    high, middle, low = ((pair << shift) >> np.uint64(32) for pair in pairs)
    carry: npt.NDArray[np.uint64] = middle * mantissa + ((low * mantissa) >> np.uint64(32))
    turns = ((high * mantissa) << np.uint64(32)) + carry  # of 2**64, a whole turn
    quadrant = (turns + np.uint64(1 << 61)) >> np.uint64(62)
    rest = (turns - (quadrant << np.uint64(62))).view(np.int64).astype(F) * QUARTER_TURN
    quadrant = quadrant.astype(np.int32)
    small = np.abs(x) < QUARTER_PI
    rest, quadrant = np.where(x < F(0), -rest, rest), np.where(x < F(0), -quadrant, quadrant)
    return np.where(small, 0, quadrant).astype(np.int32), np.where(small, x, rest)


def asin(x: Float32) -> Float32:
    """Arc sine; NaN beyond 1."""
    a = np.abs(x)
    outer = a > F(0.5)
    y = _asin(np.where(outer, np.sqrt((F(1) - a) * F(0.5)), a))
    y = np.where(outer, HALF_PI - (y + y), y)
    return select((a <= F(1), np.where(x < F(0), -y, y)), otherwise=NAN)


def acos(x: Float32) -> Float32:
    """Arc cosine; NaN beyond 1."""
    a = np.abs(x)
    outer = a > F(0.5)
    y = _asin(np.where(outer, np.sqrt((F(1) - a) * F(0.5)), x))
    folded = np.where(x < F(0), PI - (y + y), y + y)
    return select((a <= F(1), np.where(outer, folded, HALF_PI - y)), otherwise=NAN)


def _asin(x: Float32) -> Float32:
    z = x * x
    y: Float32 = polynomial(z, ASIN) * z * x + x
    return y


def atan(x: Float32) -> Float32:
    """Arc tangent."""
    a = np.abs(x)
    far, near = a > F(2.414213562373095), a > F(0.4142135623730950)
    r = np.where(far, F(-1) / a, np.where(near, (a - F(1)) / (a + F(1)), a))
    z = r * r
    y = np.where(far, HALF_PI, np.where(near, QUARTER_PI, F(0))) + (polynomial(z, ATAN) * z * r + r)
    return select((x < F(0), -y), (x == F(0), x), otherwise=y)
