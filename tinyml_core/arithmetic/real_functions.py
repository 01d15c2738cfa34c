"""Functions of one real operand in double precision: what tables of quantised operators are computed from.

``alpha`` and ``beta`` are those of :class:`~tinyml_core.graph.operators.pointwise.Unary`, with ONNX's meaning: ``selu``
is scaled by ``beta``, ``shrink`` has the threshold ``alpha`` and the bias ``beta``. Where a function has no value the
result is a NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]
Function = Callable[[Reals, float, float], Reals]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: Reals) -> Reals:
    shrunk = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + shrunk), shrunk / (1 + shrunk))


def _softplus(x: Reals) -> Reals:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _gelu_tanh(x: Reals) -> Reals:
    result: Reals = x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return result


def _shrink(x: Reals, alpha: float, beta: float) -> Reals:
    return np.where(x < -alpha, x + beta, np.where(x > alpha, x - beta, 0))


FUNCTIONS: dict[str, Function] = {
    "abs": lambda x, alpha, beta: np.abs(x),
    "acos": lambda x, alpha, beta: np.arccos(x),
    "acosh": lambda x, alpha, beta: np.arccosh(x),
    "asin": lambda x, alpha, beta: np.arcsin(x),
    "asinh": lambda x, alpha, beta: np.arcsinh(x),
    "atan": lambda x, alpha, beta: np.arctan(x),
    "atanh": lambda x, alpha, beta: np.arctanh(x),
    "celu": lambda x, alpha, beta: np.where(x > 0, x, alpha * np.expm1(x / alpha)),
    "ceil": lambda x, alpha, beta: np.ceil(x),
    "cos": lambda x, alpha, beta: np.cos(x),
    "cosh": lambda x, alpha, beta: np.cosh(x),
    "elu": lambda x, alpha, beta: np.where(x > 0, x, alpha * np.expm1(x)),
    "erf": lambda x, alpha, beta: _erf(x),
    "exp": lambda x, alpha, beta: np.exp(x),
    "floor": lambda x, alpha, beta: np.floor(x),
    "gelu": lambda x, alpha, beta: x / 2 * (1 + _erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x, alpha, beta: _gelu_tanh(x),
    "hard_sigmoid": lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
    "hard_swish": lambda x, alpha, beta: x * np.clip(x + 3, 0, 6) / 6,
    "leaky_relu": lambda x, alpha, beta: np.where(x >= 0, x, alpha * x),
    "log": lambda x, alpha, beta: np.log(x),
    "mish": lambda x, alpha, beta: x * np.tanh(_softplus(x)),
    "negate": lambda x, alpha, beta: -x,
    "reciprocal": lambda x, alpha, beta: 1 / x,
    "round": lambda x, alpha, beta: np.round(x),
    "rsqrt": lambda x, alpha, beta: 1 / np.sqrt(x),
    "selu": lambda x, alpha, beta: beta * np.where(x > 0, x, alpha * np.expm1(x)),
    "shrink": _shrink,
    "sigmoid": lambda x, alpha, beta: _sigmoid(x),
    "sign": lambda x, alpha, beta: np.sign(x),
    "sin": lambda x, alpha, beta: np.sin(x),
    "sinh": lambda x, alpha, beta: np.sinh(x),
    "softplus": lambda x, alpha, beta: _softplus(x),
    "softsign": lambda x, alpha, beta: x / (1 + np.abs(x)),
    "sqrt": lambda x, alpha, beta: np.sqrt(x),
    "swish": lambda x, alpha, beta: x * _sigmoid(alpha * x),
    "tan": lambda x, alpha, beta: np.tan(x),
    "tanh": lambda x, alpha, beta: np.tanh(x),
    "thresholded_relu": lambda x, alpha, beta: np.where(x > alpha, x, 0),
}
"""Every function of a number; ``not`` is one of a boolean."""
