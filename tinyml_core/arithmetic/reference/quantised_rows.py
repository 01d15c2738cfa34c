"""int8 kernels that go over rows or axes: extrema, positions of extrema, normalisations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.fixed_point_functions import inverse_square_root, logarithm
from tinyml_core.arithmetic.lowering import lower_arg_reduce, lower_l2_norm, lower_log_softmax, lower_reduce
from tinyml_core.arithmetic.lowering.unary_tflite import rescale
from tinyml_core.arithmetic.reference.integer import mean
from tinyml_core.arithmetic.requantise import doubling_high_multiply, rounding_shift_right
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import ArgReduce, Reduce

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]


def reduce(node: Node, graph: Graph) -> Run:
    """Prepare an int8 :class:`Reduce`, or an int16 sum."""
    op = node.op
    assert isinstance(op, Reduce)
    if op.function == "sum":
        return mean(node, graph)
    lower_reduce(node, graph)
    extremum = np.max if op.function == "max" else np.min
    return lambda inputs: np.asarray(extremum(inputs[0], axis=op.axes, keepdims=op.keep_axes))


def arg_reduce(node: Node, graph: Graph) -> Run:
    """Prepare an int8 :class:`ArgReduce`."""
    op = node.op
    assert isinstance(op, ArgReduce)
    lower_arg_reduce(node, graph)
    (output,) = graph.outputs_of(node)

    def run(inputs: Sequence[Array]) -> Array:
        values = np.flip(inputs[0], op.axis) if op.last else inputs[0]
        position = (np.argmin if op.least else np.argmax)(values, axis=op.axis)
        position = values.shape[op.axis] - 1 - position if op.last else position
        return np.asarray(position).reshape(output.shape).astype(output.dtype.numpy)

    return run


def l2_norm(node: Node, graph: Graph) -> Run:
    """Prepare an int8 :class:`~tinyml_core.graph.operators.L2Norm`."""
    zero_point = lower_l2_norm(node, graph).input_zero_point

    def run(inputs: Sequence[Array]) -> Array:
        values = inputs[0].astype(np.int64) - zero_point
        rows = values.reshape(-1, values.shape[-1])
        result = np.empty(rows.shape, np.int64)
        for row, elements in zip(result, rows, strict=True):
            mantissa, shift = inverse_square_root(int((elements * elements).sum()))
            row[:] = _rescaled(elements, mantissa, shift + 7)
        return np.clip(result, -128, 127).astype(np.int8).reshape(values.shape)

    return run


def _rescaled(values: npt.NDArray[np.int64], mantissa: int, shift: int) -> npt.NDArray[np.int64]:
    product = doubling_high_multiply(values << max(shift, 0), np.asarray(mantissa, np.int64))
    return rounding_shift_right(product, max(-shift, 0))


def log_softmax(node: Node, graph: Graph) -> Run:
    """Prepare an int8 :class:`~tinyml_core.graph.operators.LogSoftmax`."""
    lowering = lower_log_softmax(node, graph)
    exponentials = rounding_shift_right(lowering.exponentials.astype(np.int64), 12)
    differences = lowering.differences.astype(np.int64)

    def run(inputs: Sequence[Array]) -> Array:
        values = inputs[0].astype(np.int64)
        below = values.max(axis=-1, keepdims=True) - values
        rows = below.reshape(-1, values.shape[-1])
        result = np.empty(rows.shape, np.int64)
        for row, elements in zip(result, rows, strict=True):
            log_sum = logarithm(int(exponentials[elements].sum()))
            limit = min(lowering.limit, -rescale(log_sum - (1 << 31), *lowering.reverse))
            share = rounding_shift_right(differences[elements] - log_sum, 22) + 127
            row[:] = np.where(elements < limit, share, -128)
        return np.clip(result, -128, 127).astype(np.int8).reshape(values.shape)

    return run
