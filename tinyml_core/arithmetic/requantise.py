"""Requantisation: from accumulators to activations, in NumPy.

Sources: gemmlowp ``fixedpoint.h`` and TensorFlow Lite ``common.h`` for ``tflite``; the Armv7-M manual's SMMULR for
``single``. All functions take and return int64 arrays that hold int32 values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.multiplier import Multipliers
from tinyml_core.graph.graph import Rounding

Int64 = npt.NDArray[np.int64]

INT32_MAX = (1 << 31) - 1


def wrap_int32(values: Int64) -> Int64:
    """Two's complement wrap-around: what a 32-bit register holds."""
    return values.astype(np.int32).astype(np.int64)


def doubling_high_multiply(left: Int64, right: Int64) -> Int64:
    """``left * right / 2**31`` rounded to nearest, halves up; saturates the one case that overflows.

    gemmlowp adds a nudge that depends on the sign and truncates towards zero, which comes to the same.
    """
    product: Int64 = (left * right + (1 << 30)) >> 31
    return np.minimum(product, INT32_MAX)


def rounding_shift_right(values: Int64, exponent: Int64 | int) -> Int64:
    """``values / 2**exponent`` rounded to nearest, halves away from zero."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (values < 0)
    return (values >> exponent) + ((values & mask) > threshold)


def requantise(accumulator: Int64, by: Multipliers) -> Int64:
    """Rescale int32 accumulators, or those below 2**47 by wide multipliers; channels lie along the last axis.

    The zero point is not added and nothing is clamped yet. ``single`` results may need more than 32 bits where a shift
    is not 0; every clamp makes them fit.
    """
    mantissa = np.asarray(by.mantissa, np.int64)
    shift = np.asarray(by.shift, np.int64)
    if by.wide:
        return wrap_int32((accumulator * mantissa + (np.int64(1) << (14 - shift))) >> (15 - shift))
    if by.rounding is Rounding.SINGLE:
        return (accumulator * mantissa + (np.int64(1) << (31 - shift))) >> (32 - shift)
    shifted = wrap_int32(accumulator << np.maximum(shift, 0))
    return rounding_shift_right(doubling_high_multiply(shifted, mantissa), np.maximum(-shift, 0))
