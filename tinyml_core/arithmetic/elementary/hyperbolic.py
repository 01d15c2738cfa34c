"""Hyperbolic functions, their inverses, and the error function.

Source of the polynomial of the hyperbolic tangent: ``tanhf`` of the Cephes library (S. Moshier). Those of the error
function are minimax fits made for this module: erf(x) / x - 1 in x * x up to 0.93, and log(erfc(x)) / -x - 1 beyond.
"""

from __future__ import annotations

import numpy as np

from tinyml_core.arithmetic.elementary.exponential import exp, expm1, log, log1p
from tinyml_core.arithmetic.elementary.number import NAN, F, Float32, constants, polynomial, select

LN2 = F(0.693147180559945309)
TANH = constants(-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
ERF_NEAR = constants(-5.97690698e-4, 4.99098282e-3, -2.67655682e-2, 1.12818025e-1, -3.76124948e-1, 1.28379151e-1)
ERF_FAR = constants(
    1.15247667e-5, -3.25676549e-4, 3.65385716e-3, -2.37855352e-2, 1.06263354e-1, 6.3513577e-1, 1.28652185e-1
)


def tanh(x: Float32) -> Float32:
    """Hyperbolic tangent."""
    a = np.abs(x)
    z = x * x
    near = polynomial(z, TANH) * z * x + x
    far = F(1) - F(2) / (exp(np.where(a > F(10), F(20), a + a)) + F(1))
    return select((a < F(0.625), near), (x < F(0), -far), (x > F(0), far), otherwise=x)


def sinh(x: Float32) -> Float32:
    """Hyperbolic sine."""
    a = np.abs(x)
    t = expm1(np.where(a > F(80), F(0), a))
    half = exp(a * F(0.5))
    y = np.where(a > F(80), half * F(0.5) * half, (t + t / (t + F(1))) * F(0.5))
    return select((x < F(0), -y), (x > F(0), y), otherwise=x)


def cosh(x: Float32) -> Float32:
    """Hyperbolic cosine."""
    a = np.abs(x)
    e = exp(np.where(a > F(80), F(0), a))
    half = exp(a * F(0.5))
    return np.where(a > F(80), half * F(0.5) * half, e * F(0.5) + F(0.5) / e)


def asinh(x: Float32) -> Float32:
    """Inverse hyperbolic sine."""
    a = np.abs(x)
    z = a * a
    y = np.where(a > F(1e9), log(a) + LN2, log1p(a + z / (np.sqrt(z + F(1)) + F(1))))
    return select((x < F(0), -y), (x > F(0), y), otherwise=x)


def acosh(x: Float32) -> Float32:
    """Inverse hyperbolic cosine; NaN below 1."""
    t = x - F(1)
    y = np.where(x > F(1e9), log(x) + LN2, log1p(t + np.sqrt(t + t + t * t)))
    return select((x >= F(1), y), otherwise=NAN)


def atanh(x: Float32) -> Float32:
    """Inverse hyperbolic tangent; infinite at 1, NaN beyond."""
    a = np.abs(x)
    y = log1p((a + a) / (F(1) - a)) * F(0.5)
    return select((a > F(1), NAN), (x < F(0), -y), (x > F(0), y), otherwise=x)


def erf(x: Float32) -> Float32:
    """Error function."""
    a = np.abs(x)
    z = x * x
    near = polynomial(z, ERF_NEAR) * x + x
    t = np.where(a > F(4), F(4), a)
    far = F(1) - exp(-(polynomial(t, ERF_FAR) * t + t))
    return select((a < F(0.93), near), (x < F(0), -far), (x > F(0), far), otherwise=x)
