"""Integer kernels but the linear ones: every value is widened before anything is computed with it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import (
    Int16SoftmaxLowering,
    MeanLowering,
    RescaleLowering,
    TfliteAdd,
    lower,
    lower_add,
    lower_clamp,
    lower_dequantize,
    lower_pool,
    lower_quantize,
    lower_softmax,
)
from tinyml_core.arithmetic.quantised import from_real, to_real
from tinyml_core.arithmetic.reference.int16 import int16_softmax
from tinyml_core.arithmetic.reference.requantised import requantised
from tinyml_core.arithmetic.reference.window import taps
from tinyml_core.arithmetic.requantise import Int64, doubling_high_multiply, rounding_shift_right, wrap_int32
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import AveragePool2D, Clamp, MaxPool2D, Mean, Reduce

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]


def add(node: Node, graph: Graph) -> Run:
    """Prepare an int8 or int16 :class:`~tinyml_core.graph.operators.Add`, or a subtraction."""
    lowering, dtype = lower_add(node, graph), graph.outputs_of(node)[0].dtype.numpy

    def run(inputs: Sequence[Array]) -> Array:
        left, right = (values.astype(np.int64) for values in inputs)
        if isinstance(lowering, TfliteAdd):
            scaled = [
                _scaled_down((values - zero_point) << lowering.left_shift, mantissa, shift)
                for values, zero_point, mantissa, shift in zip(
                    (left, right), lowering.input_zero_points, lowering.mantissa[:2], lowering.shift[:2], strict=True
                )
            ]
            second = -scaled[1] if lowering.subtract else scaled[1]
            total = _scaled_down(wrap_int32(scaled[0] + second), lowering.mantissa[2], lowering.shift[2])
        else:
            total = lowering.mantissa[0] * left + lowering.mantissa[1] * right + lowering.constant
            total >>= lowering.shift
        return np.clip(total + lowering.zero_point, lowering.low, lowering.high).astype(dtype)

    return run


def _scaled_down(values: Int64, mantissa: int, shift: int) -> Int64:
    return rounding_shift_right(doubling_high_multiply(values, np.asarray(mantissa, np.int64)), -shift)


def rescale(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`~tinyml_core.graph.operators.Clamp`, or a ``Quantize`` between integer types."""
    lowering = lower_clamp(node, graph) if isinstance(node.op, Clamp) else lower_quantize(node, graph)
    assert isinstance(lowering, RescaleLowering)
    dtype = graph.outputs_of(node)[0].dtype.numpy

    def run(inputs: Sequence[Array]) -> Array:
        values = inputs[0].astype(np.int64) - lowering.input_zero_point
        return requantised(values, lowering.requantisation, dtype)

    return run


def quantize(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`~tinyml_core.graph.operators.Quantize` of floats."""
    lower_quantize(node, graph)
    (output,) = graph.outputs_of(node)
    return lambda inputs: from_real(inputs[0], output.scale, output.zero_point, output.dtype)


def dequantize(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`~tinyml_core.graph.operators.Dequantize`."""
    lowering = lower_dequantize(node, graph)
    return lambda inputs: to_real(inputs[0], lowering.scale, lowering.zero_point)


def average_pool(node: Node, graph: Graph) -> Run:
    """Prepare an int8 or int16 :class:`AveragePool2D`: halves away from zero."""
    op = node.op
    assert isinstance(op, AveragePool2D)
    lowering = lower_pool(node, graph)
    shape, size = graph.inputs_of(node)[0].shape, graph.outputs_of(node)[0].shape[1:3]
    inside = np.ones((1, *shape[1:3], 1), np.int64)
    count = _total(taps(inside, op, op.kernel, (size[0], size[1]), 0))

    def run(inputs: Sequence[Array]) -> Array:
        image = inputs[0].astype(np.int64)
        total = _total(taps(image, op, op.kernel, (size[0], size[1]), 0))
        average: Int64 = np.sign(total) * ((np.abs(total) + count // 2) // count)
        result: Array = np.clip(average, lowering.low, lowering.high).astype(inputs[0].dtype)
        return result

    return run


def _total(values: Iterable[Int64]) -> Int64:
    return functools.reduce(np.add, values)


def max_pool(node: Node, graph: Graph) -> Run:
    """Prepare an int8 or int16 :class:`MaxPool2D`."""
    op = node.op
    assert isinstance(op, MaxPool2D)
    lowering = lower_pool(node, graph)
    (output,) = graph.outputs_of(node)
    size, least = output.shape[1:3], output.dtype.limits[0]

    def run(inputs: Sequence[Array]) -> Array:
        greatest = functools.reduce(np.maximum, taps(inputs[0], op, op.kernel, (size[0], size[1]), least))
        return np.clip(greatest.astype(np.int64), lowering.low, lowering.high).astype(inputs[0].dtype)

    return run


def mean(node: Node, graph: Graph) -> Run:
    """Prepare an int8 or int16 :class:`Mean`, or a sum."""
    op = node.op
    assert isinstance(op, Mean | Reduce)
    lowering = lower(node, graph)
    assert isinstance(lowering, MeanLowering)
    shape = graph.outputs_of(node)[0].shape

    def run(inputs: Sequence[Array]) -> Array:
        total = inputs[0].sum(axis=op.axes, dtype=np.int64) - lowering.count * lowering.input_zero_point
        return requantised(total.reshape(*shape), lowering.requantisation, inputs[0].dtype)

    return run


def softmax(node: Node, graph: Graph) -> Run:
    """Prepare an int8 or int16 :class:`~tinyml_core.graph.operators.Softmax`."""
    lowering = lower_softmax(node, graph)
    if isinstance(lowering, Int16SoftmaxLowering):
        return int16_softmax(lowering)
    exponentials = lowering.exponentials.astype(np.int64)

    def run(inputs: Sequence[Array]) -> Array:
        values = inputs[0].astype(np.int64)
        shares = exponentials[values.max(axis=-1, keepdims=True) - values]
        total = rounding_shift_right(shares, 12).sum(axis=-1, keepdims=True)
        bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)
        reciprocal = _reciprocal(total << (32 - bits))
        # bits - 20 of the total lie above 1.0, and 23 bits make shares in Q0.31 into 256ths.
        rounded = rounding_shift_right(doubling_high_multiply(reciprocal, shares), bits + 3)
        return np.clip(rounded - 128, -128, 127).astype(np.int8)

    return run


def _reciprocal(denominator: Int64) -> Int64:
    """``2**62 / denominator`` for a denominator in [2**31, 2**32), nearly: three Newton-Raphson steps from gemmlowp."""
    half = denominator >> 1
    x = 1515870810 + doubling_high_multiply(half, np.asarray(-1010580540, np.int64))  # 48/17 - 32/17 * half, Q2.29
    for _ in range(3):
        error = (1 << 29) - doubling_high_multiply(half, x)
        x = x + _saturated(doubling_high_multiply(x, error) << 2)
    return _saturated(x << 1)


def _saturated(values: Int64) -> Int64:
    return np.clip(values, -(1 << 31), (1 << 31) - 1)
