"""Products of two activations, and transposed convolutions, in float32 and in integers.

float32 sums start at 0 and run over the inner axis; those of a transposed convolution over the input's row, column and
channel, the bias last, as TensorFlow Lite adds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.linear import lower_linear
from tinyml_core.arithmetic.lowering.matmul import lower_matmul
from tinyml_core.arithmetic.reference.floating import clamped
from tinyml_core.arithmetic.reference.requantised import requantised
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import MatMul, TransposeConv2D

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]


def _operands(op: MatMul, inputs: Sequence[Array]) -> tuple[Array, Array]:
    left, right = inputs
    return (left.swapaxes(-1, -2) if op.transpose_left else left), (
        right.swapaxes(-1, -2) if op.transpose_right else right
    )


def float_matmul(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`MatMul`."""
    op, shape = node.op, graph.outputs_of(node)[0].shape
    assert isinstance(op, MatMul)

    def run(inputs: Sequence[Array]) -> Array:
        left, right = _operands(op, inputs)
        total = np.zeros(shape, np.float32)
        for index in range(left.shape[-1]):
            total += left[..., :, index, None] * right[..., None, index, :]
        return clamped(total, op.activation)

    return run


def matmul(node: Node, graph: Graph) -> Run:
    """Prepare an int8 or int16 :class:`MatMul`."""
    op = node.op
    assert isinstance(op, MatMul)
    lowering, dtype = lower_matmul(node, graph), graph.outputs_of(node)[0].dtype.numpy

    def run(inputs: Sequence[Array]) -> Array:
        # In float64 every sum of a tensor's worth of products below 2**16 is exact, and of 2**17 below 2**30.
        left, right = (
            values.astype(np.float64) - zero_point
            for values, zero_point in zip(_operands(op, inputs), lowering.zero_points, strict=True)
        )
        return requantised((left @ right).astype(np.int64), lowering.requantisation, dtype)

    return run


def float_transpose_convolution(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`TransposeConv2D`."""
    op = node.op
    assert isinstance(op, TransposeConv2D)

    def run(inputs: Sequence[Array]) -> Array:
        image, weights = inputs[:2]
        canvas = _canvas(op, image, weights, np.dtype(np.float32))
        for window, (row, column) in _windows(op, canvas, image, weights):
            for channel in range(weights.shape[3]):
                window += image[..., channel, None] * weights[:, row, column, channel]
        total = _cropped(op, canvas)
        return clamped(total + inputs[2] if len(inputs) == 3 else total, op.activation)

    return run


def transpose_convolution(node: Node, graph: Graph) -> Run:
    """Prepare an int8 or int16 :class:`TransposeConv2D`; the weights are OHWI, scaled per tensor or filter."""
    op = node.op
    assert isinstance(op, TransposeConv2D)
    lowering, dtype = lower_linear(node, graph), graph.outputs_of(node)[0].dtype.numpy
    weights, bias = lowering.weights.astype(np.float64), lowering.bias.astype(np.int64)

    def run(inputs: Sequence[Array]) -> Array:
        image = inputs[0].astype(np.float64) - lowering.input_zero_point
        canvas = _canvas(op, image, weights, np.dtype(np.float64))
        for window, (row, column) in _windows(op, canvas, image, weights):
            window += image @ weights[:, row, column].T
        return requantised(_cropped(op, canvas).astype(np.int64) + bias, lowering.requantisation, dtype)

    return run


def _canvas(op: TransposeConv2D, image: Array, weights: Array, dtype: np.dtype[Any]) -> Array:
    """Zeros as large as what the windows cover, or as the output with its padding."""
    sizes = [
        max((image.shape[1 + axis] - 1) * op.stride[axis] + weights.shape[1 + axis], op.padding[axis] + op.size[axis])
        for axis in (0, 1)
    ]
    return np.zeros((image.shape[0], *sizes, weights.shape[0]), dtype)


def _windows(op: TransposeConv2D, canvas: Array, image: Array, weights: Array) -> list[tuple[Array, tuple[int, int]]]:
    """What each tap adds to, as views of ``canvas``; the last tap first, since it belongs to the earliest pixel."""
    _, rows, columns, _ = weights.shape
    return [
        (
            canvas[
                :,
                row : row + (image.shape[1] - 1) * op.stride[0] + 1 : op.stride[0],
                column : column + (image.shape[2] - 1) * op.stride[1] + 1 : op.stride[1],
            ],
            (row, column),
        )
        for row in reversed(range(rows))
        for column in reversed(range(columns))
    ]


def _cropped(op: TransposeConv2D, canvas: Array) -> Array:
    top, left = op.padding
    return canvas[:, top : top + op.size[0], left : left + op.size[1]]
