"""Kernels of the functions that int16 activations evaluate in a way of their own: softmax, sigmoid, tanh, ramps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic import sigmoid16
from tinyml_core.arithmetic.lowering import Int16SoftmaxLowering, RampLowering, SigmoidLowering
from tinyml_core.arithmetic.requantise import Int64, doubling_high_multiply, requantise, rounding_shift_right

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]


def int16_softmax(lowering: Int16SoftmaxLowering) -> Run:
    """The kernel of an int16 :class:`~tinyml_core.graph.operators.Softmax`."""
    mantissa, shift = np.asarray(lowering.mantissa, np.int64), lowering.shift
    exponentials, reciprocals = lowering.exponentials.astype(np.int64), lowering.reciprocals.astype(np.int64)

    def run(inputs: Sequence[Array]) -> Array:
        values = inputs[0].astype(np.int64)
        difference = (values - values.max(axis=-1, keepdims=True)) << max(shift, 0)
        scaled = rounding_shift_right(doubling_high_multiply(difference, mantissa), max(-shift, 0))
        shares = _looked_up(exponentials, scaled + 32767)
        total = shares.sum(axis=-1, keepdims=True)
        bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)
        normal = ((total << (31 - bits)) + (1 << 13)) >> 14  # from 1 to 2, in Q1.16
        reciprocal = _looked_up(reciprocals, normal - 3 * (1 << 15))
        result = (shares * reciprocal + (np.int64(1) << (bits - 2))) >> (bits - 1)
        clipped: Array = np.clip(result, 0, 32767).astype(np.int16)
        return clipped

    return run


def _looked_up(table: Int64, places: Int64) -> Int64:
    """What lies at ``places``, those of an int16, in a table of 512 steps: straight lines between its values."""
    bounded = np.clip(places, -32768, 32767)
    index, share = 256 + (bounded >> 7), bounded & 0x7F
    result: Int64 = table[index] + (((table[index + 1] - table[index]) * share + 64) >> 7)
    return result


def sigmoid(lowering: SigmoidLowering) -> Run:
    """The kernel of an int16 sigmoid or hyperbolic tangent."""
    function = sigmoid16.tanh if lowering.hyperbolic else sigmoid16.sigmoid

    def run(inputs: Sequence[Array]) -> Array:
        arguments = sigmoid16.scaled(inputs[0].astype(np.int64), lowering.multiplier, lowering.shift)
        return function(arguments).astype(np.int16)

    return run


def ramp(lowering: RampLowering) -> Run:
    """The kernel of an int16 function of two straight lines."""
    to, flip_input, flip_output = lowering.positive, lowering.flip_input, lowering.flip_output

    def run(inputs: Sequence[Array]) -> Array:
        values = inputs[0].astype(np.int64)[..., None]
        falling = flip_output * requantise(flip_input * values, lowering.negative.by)
        result = np.where(values >= 0, requantise(values, to.by), falling)[..., 0]
        clipped: Array = np.clip(result + to.zero_point, to.low, to.high).astype(np.int16)
        return clipped

    return run


__all__ = ["int16_softmax", "ramp", "sigmoid"]
