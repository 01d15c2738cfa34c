"""The functions of :class:`~tinyml_core.graph.operators.Unary` for float32, by name.

Definitions are ONNX's; ``alpha`` and ``beta`` are float32 values: slope and offset of ``hard_sigmoid``, scale of the
exponential and of the whole in ``selu``, threshold and bias of ``shrink``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyml_core.arithmetic.elementary.exponential import exp, expm1, log, log1p
from tinyml_core.arithmetic.elementary.hyperbolic import acosh, asinh, atanh, cosh, erf, sinh, tanh
from tinyml_core.arithmetic.elementary.number import F, Float32, select
from tinyml_core.arithmetic.elementary.trigonometric import acos, asin, atan, cos, sin, tan


def sigmoid(x: Float32) -> Float32:
    """``1 / (1 + exp(-x))``."""
    e = exp(-np.abs(x))
    return np.where(x < F(0), e, F(1)) / (F(1) + e)


def softplus(x: Float32) -> Float32:
    """``log(1 + exp(x))``."""
    return np.where(x > F(0), x, F(0)) + log1p(exp(-np.abs(x)))


def gelu(x: Float32) -> Float32:
    """``x * (1 + erf(x / sqrt(2))) / 2``."""
    return F(0.5) * x * (F(1) + erf(x * F(0.707106781186547524)))


def gelu_tanh(x: Float32) -> Float32:
    """``gelu`` with its customary approximation by a hyperbolic tangent."""
    return F(0.5) * x * (F(1) + tanh(F(0.797884560802865356) * (x + F(0.044715) * x * x * x)))


def mish(x: Float32) -> Float32:
    """``x * tanh(softplus(x))``."""
    return x * tanh(softplus(x))


def swish(x: Float32, alpha: np.float32) -> Float32:
    """``x * sigmoid(alpha * x)``."""
    return x * sigmoid(alpha * x)


def hard_sigmoid(x: Float32, alpha: np.float32, beta: np.float32) -> Float32:
    """``alpha * x + beta`` limited to 0 and 1."""
    y = alpha * x + beta
    return select((y < F(0), F(0)), (y > F(1), F(1)), otherwise=y)


def hard_swish(x: Float32) -> Float32:
    """``x * hard_sigmoid(x, 1/6, 1/2)``."""
    return x * hard_sigmoid(x, F(1 / 6), F(0.5))


def elu(x: Float32, alpha: np.float32) -> Float32:
    """``x``, or ``alpha * (exp(x) - 1)`` where negative."""
    return np.where(x < F(0), alpha * expm1(x), x)


def celu(x: Float32, alpha: np.float32) -> Float32:
    """``x``, or ``alpha * (exp(x / alpha) - 1)`` where negative."""
    return np.where(x < F(0), alpha * expm1(x / alpha), x)


def selu(x: Float32, alpha: np.float32, beta: np.float32) -> Float32:
    """``beta`` times ``elu``."""
    return beta * elu(x, alpha)


def leaky_relu(x: Float32, alpha: np.float32) -> Float32:
    """``x``, or ``alpha * x`` where negative."""
    return np.where(x < F(0), alpha * x, x)


def shrink(x: Float32, alpha: np.float32, beta: np.float32) -> Float32:
    """``x`` moved by ``beta`` towards 0, and 0 from ``-alpha`` to ``alpha``."""
    return select((x < -alpha, x + beta), (x > alpha, x - beta), otherwise=F(0))


def thresholded_relu(x: Float32, alpha: np.float32) -> Float32:
    """``x`` above ``alpha``, else 0."""
    return np.where(x > alpha, x, F(0))


def sign(x: Float32) -> Float32:
    """-1, 0 or 1."""
    return select((x < F(0), F(-1)), (x > F(0), F(1)), otherwise=x)


def reciprocal(x: Float32) -> Float32:
    """``1 / x``."""
    return F(1) / x


def rsqrt(x: Float32) -> Float32:
    """``1 / sqrt(x)``."""
    return F(1) / np.sqrt(x)


def softsign(x: Float32) -> Float32:
    """``x / (1 + |x|)``."""
    return x / (F(1) + np.abs(x))


FUNCTIONS: dict[str, tuple[Callable[..., Float32], int]] = {
    "abs": (np.abs, 0), "acos": (acos, 0), "acosh": (acosh, 0), "asin": (asin, 0), "asinh": (asinh, 0),
    "atan": (atan, 0), "atanh": (atanh, 0), "celu": (celu, 1), "ceil": (np.ceil, 0), "cos": (cos, 0),
    "cosh": (cosh, 0), "elu": (elu, 1), "erf": (erf, 0), "exp": (exp, 0), "floor": (np.floor, 0), "gelu": (gelu, 0),
    "gelu_tanh": (gelu_tanh, 0), "hard_sigmoid": (hard_sigmoid, 2), "hard_swish": (hard_swish, 0),
    "leaky_relu": (leaky_relu, 1), "log": (log, 0), "mish": (mish, 0), "negate": (np.negative, 0),
    "reciprocal": (reciprocal, 0), "round": (np.rint, 0), "rsqrt": (rsqrt, 0), "selu": (selu, 2),
    "shrink": (shrink, 2), "sigmoid": (sigmoid, 0), "sign": (sign, 0), "sin": (sin, 0), "sinh": (sinh, 0),
    "softplus": (softplus, 0), "softsign": (softsign, 0), "sqrt": (np.sqrt, 0), "swish": (swish, 1), "tan": (tan, 0),
    "tanh": (tanh, 0), "thresholded_relu": (thresholded_relu, 1),
}  # fmt: skip
"""Function and number of parameters: none, ``alpha``, or ``alpha`` and ``beta``."""
