"""What the elementary functions share: float32 constants, bits of floats, polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[Any]
"""Float32 values; NumPy's annotations lose track of their type in expressions with scalars."""
Int32 = npt.NDArray[np.int32]
F = np.float32

NAN, INFINITY = F(np.nan), F(np.inf)


def constants(*values: float) -> tuple[np.float32, ...]:
    """``values``, each rounded to float32."""
    return tuple(F(value) for value in values)


def polynomial(x: Float32, coefficients: Sequence[np.float32]) -> Float32:
    """Horner's scheme, the highest power first."""
    total: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    result: Float32 = total
    return result


def power_of_two(exponent: Int32) -> Float32:
    """``2**exponent`` for exponents of normal numbers."""
    return ((exponent + 127) << 23).astype(np.int32).view(F)


def bits_of(x: Float32) -> Int32:
    """The bits of ``x``; a scalar stays an array."""
    return np.asarray(x, F).view(np.int32)


def select(*cases: tuple[npt.ArrayLike, npt.ArrayLike], otherwise: npt.ArrayLike) -> Float32:
    """The value of the first (condition, value) that holds."""
    result = otherwise
    for condition, value in reversed(cases):
        result = np.where(condition, value, result)
    return np.asarray(result, F)
