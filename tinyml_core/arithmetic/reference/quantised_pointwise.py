"""Pointwise int8 and int16 kernels but additions: tables, products, quotients, comparisons; operands broadcast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import RampLowering, SigmoidLowering, lower_binary, lower_unary
from tinyml_core.arithmetic.lowering.binary import (
    ComparisonLowering,
    ExtremumLowering,
    MultiplyLowering,
    PreluLowering,
)
from tinyml_core.arithmetic.lowering.divide import DivideLowering
from tinyml_core.arithmetic.lowering.squared_difference import LEFT_SHIFT, SquaredDifferenceLowering
from tinyml_core.arithmetic.reference.int16 import ramp, sigmoid
from tinyml_core.arithmetic.reference.integer import add
from tinyml_core.arithmetic.reference.requantised import requantised
from tinyml_core.arithmetic.requantise import (
    Int64,
    doubling_high_multiply,
    rounding_shift_right,
)
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Binary

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]


def unary(node: Node, graph: Graph) -> Run:
    """Prepare an int8 :class:`~tinyml_core.graph.operators.Unary`, a look into its table, or an int16 one."""
    lowering = lower_unary(node, graph)
    if isinstance(lowering, SigmoidLowering):
        return sigmoid(lowering)
    if isinstance(lowering, RampLowering):
        return ramp(lowering)
    table = lowering.table
    return lambda inputs: table[inputs[0].astype(np.int64) + 128]


def binary(node: Node, graph: Graph) -> Run:
    """Prepare an int8 or int16 :class:`Binary`."""
    op = node.op
    assert isinstance(op, Binary)
    lowering = lower_binary(node, graph)
    if isinstance(lowering, ComparisonLowering):
        left, right, compare = lowering.left, lowering.right, COMPARE[op.function]
        return lambda inputs: compare(left[inputs[0].astype(np.int64) + 128], right[inputs[1].astype(np.int64) + 128])
    if isinstance(lowering, ExtremumLowering):
        extremum = np.maximum if op.function == "maximum" else np.minimum
        dtype = graph.outputs_of(node)[0].dtype.numpy.type
        low, high = dtype(lowering.low), dtype(lowering.high)
        return lambda inputs: np.clip(extremum(inputs[0], inputs[1]), low, high)
    if isinstance(lowering, MultiplyLowering):
        return _multiply(lowering, graph.outputs_of(node)[0].dtype.numpy)
    if isinstance(lowering, PreluLowering | DivideLowering | SquaredDifferenceLowering):
        kernel = _KERNELS[type(lowering)]
        zero_points = lowering.input_zero_points
        return lambda inputs: kernel(
            lowering, *(values.astype(np.int64) - zero for values, zero in zip(inputs, zero_points, strict=True))
        )
    return add(node, graph)


COMPARE: dict[str, Callable[[Array, Array], Array]] = {
    "equal": np.equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "not_equal": np.not_equal,
}


def _multiply(lowering: MultiplyLowering, dtype: npt.DTypeLike) -> Run:
    left_zero, right_zero = lowering.input_zero_points

    def run(inputs: Sequence[Array]) -> Array:
        left, right = (values.astype(np.int64) for values in inputs)
        return requantised((left - left_zero) * (right - right_zero), lowering.requantisation, dtype)

    return run


def _prelu(lowering: PreluLowering, values: Int64, slopes: Int64) -> Array:
    values, slopes = np.broadcast_arrays(values, slopes)
    falling = requantised(values * slopes, lowering.negative)
    return np.where(values >= 0, requantised(values, lowering.positive), falling)


def _squared_difference(lowering: SquaredDifferenceLowering, left: Int64, right: Int64) -> Array:
    first, second = (
        rounding_shift_right(doubling_high_multiply(values << LEFT_SHIFT, np.asarray(mantissa, np.int64)), -shift)
        for values, mantissa, shift in zip((left, right), lowering.mantissa, lowering.shift, strict=True)
    )
    return requantised(np.square(first - second), lowering.requantisation)


def _divide(lowering: DivideLowering, left: Int64, right: Int64) -> Array:
    left, right = np.broadcast_arrays(left, right)
    index = right + lowering.input_zero_points[1] + 128
    dividend = np.where(right < 0, -left, left)
    mantissa, shift = lowering.mantissa[index].astype(np.int64), lowering.shift[index].astype(np.int64)
    if lowering.ratio is None:
        quotient = (dividend * mantissa + (np.int64(1) << (31 - shift))) >> (32 - shift)
    else:
        room = 31 - np.frexp(np.where(dividend < 0, ~dividend, dividend).astype(np.float64))[1].astype(np.int64)
        unscaled = doubling_high_multiply(dividend << room, mantissa)
        by = room + shift - lowering.ratio[1]
        rounded = rounding_shift_right(
            doubling_high_multiply(unscaled, np.asarray(lowering.ratio[0], np.int64)), np.minimum(by, 31)
        )
        quotient = np.where(by > 31, 0, rounded)
    quotient = np.where(right == 0, np.sign(left) * 1024, quotient)
    result: Array = np.clip(quotient + lowering.zero_point, lowering.low, lowering.high).astype(np.int8)
    return result


_KERNELS: dict[type, Callable[..., Array]] = {
    PreluLowering: _prelu,
    DivideLowering: _divide,
    SquaredDifferenceLowering: _squared_difference,
}
