"""TensorFlow Lite's int16 sigmoid and hyperbolic tangent: a table of the sigmoid, interpolated.

Sources: TensorFlow Lite ``reference/integer_ops/logistic.h`` and ``tanh.h``. The argument is first brought to 1/12288
(a Q3.12 value times 3), of which the table's steps of 1/24 are 512; ``tanh(x) = 2 * sigmoid(2 * x) - 1``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.unary_int16 import sigmoid_table

Int64 = npt.NDArray[np.int64]

TABLE = sigmoid_table().astype(np.int64)
"""``sigmoid(i / 24)`` in Q0.16."""


def scaled(values: Int64, multiplier: int, shift: int) -> Int64:
    """``values * multiplier / 2**shift``, halves up."""
    return (values * multiplier + ((1 << shift) >> 1)) >> shift


def sigmoid(arguments: Int64) -> Int64:
    """The sigmoid, in Q0.15, of values in 1/12288."""
    result = _interpolated(np.abs(arguments), 9, 0x7FFF << 10)
    return np.where(arguments >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1) >> 10


def tanh(arguments: Int64) -> Int64:
    """The hyperbolic tangent, in Q0.15, of values in 1/12288."""
    result = _interpolated(np.abs(arguments), 8, 0xFFFF << 8)
    return np.where(arguments >= 0, result - (1 << 23) + (1 << 7), -result + (1 << 23) + (1 << 7) - 1) >> 8


def _interpolated(magnitudes: Int64, bits: int, beyond: int) -> Int64:
    """``TABLE`` times ``2**bits`` at ``magnitudes / 2**bits``; ``beyond`` from its last entry on."""
    place = np.minimum(magnitudes >> bits, 254)
    low, high = TABLE[place], TABLE[place + 1]
    between = (low << bits) + (magnitudes & ((1 << bits) - 1)) * (high - low)
    return np.where(magnitudes >> bits >= 255, beyond, between)
