"""Requantisation: from 32-bit accumulators to activations, in NumPy.

Sources: gemmlowp ``fixedpoint.h`` and TensorFlow Lite ``common.h`` for ``tflite``; the Armv7-M manual's SMMLAR and SSAT
for ``single``. All functions take and return int64 arrays that hold int32 values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.multiplier import Multipliers
from tinyml_core.graph.graph import Rounding

Int64 = npt.NDArray[np.int64]

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def wrap_int32(values: Int64) -> Int64:
    """Two's complement wrap-around: what a 32-bit accumulator holds."""
    return values.astype(np.int32).astype(np.int64)


def saturate_int32(values: Int64) -> Int64:
    """Clamp to the range of int32."""
    return np.clip(values, INT32_MIN, INT32_MAX)


def doubling_high_multiply(left: Int64, right: Int64) -> Int64:
    """``left * right / 2**31`` rounded to nearest, halves away from zero; saturates the one case that overflows."""
    product = left * right
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    quotient = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))  # C division truncates towards zero
    return np.minimum(quotient, INT32_MAX)


def rounding_shift_right(values: Int64, exponent: npt.NDArray[np.int64] | int) -> Int64:
    """``values / 2**exponent`` rounded to nearest, halves away from zero."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (values < 0)
    return (values >> exponent) + ((values & mask) > threshold)


def requantise(accumulator: Int64, by: Multipliers) -> Int64:
    """Rescale int32 accumulators; channels lie along the last axis.

    The zero point is not added and nothing is clamped yet; ``single`` gives what SMMLAR has before its addend, which
    commutes with adding an integer.
    """
    mantissa = np.asarray(by.mantissa, np.int64)
    shift = np.asarray(by.shift, np.int64)
    left = np.maximum(shift, 0)
    if by.rounding is Rounding.SINGLE:
        return (saturate_int32(accumulator << left) * mantissa + (1 << 31)) >> 32
    shifted = wrap_int32(accumulator << left)
    return rounding_shift_right(doubling_high_multiply(shifted, mantissa), np.maximum(-shift, 0))
