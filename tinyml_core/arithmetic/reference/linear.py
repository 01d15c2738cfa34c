"""Integer convolutions and dense layers: exact sums, whatever the order.

Sums of products go through a floating-point matrix product, which is exact as long as no partial sum can leave the
integers that the type holds; which type that is follows from the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import lower_linear
from tinyml_core.arithmetic.reference.requantised import requantised
from tinyml_core.arithmetic.reference.window import taps
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D
from tinyml_core.graph.tensor import DType

Array = npt.NDArray[Any]


def exact_float(
    filters: Array, input_zero_point: int, dtype: DType = DType.INT8
) -> type[np.float32] | type[np.float64]:
    """The smallest float type that holds every partial sum of ``filters`` [channels, taps] times shifted inputs.

    float64 always does: a tensor has at most 2**28 bytes, so that no sum exceeds 2**28 * 2**7 * 2**15 < 2**53.
    """
    low, high = dtype.limits
    farthest = max(high - input_zero_point, input_zero_point - low)
    bound = int(np.abs(filters.astype(np.int64)).sum(axis=1).max()) * farthest
    return np.float32 if bound <= 1 << 24 else np.float64


def convolution(node: Node, graph: Graph) -> Callable[[Sequence[Array]], Array]:
    """Prepare an int8 or int16 :class:`Conv2D`: a matrix product over the taps of every window."""
    op = node.op
    assert isinstance(op, Conv2D)
    lowering = lower_linear(node, graph)
    channels, rows, columns, _ = lowering.weights.shape
    size = graph.outputs_of(node)[0].shape[1:3]
    filters = lowering.weights.reshape(channels, -1)
    dtype = graph.outputs_of(node)[0].dtype
    exact = exact_float(filters, lowering.input_zero_point, dtype)
    matrix, bias = filters.T.astype(exact), lowering.bias.astype(np.int64)

    def run(inputs: Sequence[Array]) -> Array:
        image = np.subtract(inputs[0], lowering.input_zero_point, dtype=exact)
        patches = np.concatenate(list(taps(image, op, (rows, columns), (size[0], size[1]), 0)), axis=-1)
        return requantised((patches @ matrix).astype(np.int64) + bias, lowering.requantisation, dtype.numpy)

    return run


def depthwise(node: Node, graph: Graph) -> Callable[[Sequence[Array]], Array]:
    """Prepare an int8 or int16 :class:`DepthwiseConv2D`: tap by tap."""
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    lowering = lower_linear(node, graph)
    _, rows, columns, channels = lowering.weights.shape
    output, dtype = graph.outputs_of(node)[0].shape, graph.outputs_of(node)[0].dtype
    sum_type = np.int64 if dtype is DType.INT16 else np.int32
    sources = graph.inputs_of(node)[0].shape[3]
    filters = lowering.weights.astype(sum_type).reshape(rows * columns, sources, channels // sources)
    bias = lowering.bias.astype(np.int64)

    def run(inputs: Sequence[Array]) -> Array:
        image = np.subtract(inputs[0], lowering.input_zero_point, dtype=sum_type)
        total = np.zeros((*output[:3], *filters.shape[1:]), sum_type)
        for tap, weights in zip(taps(image, op, (rows, columns), (output[1], output[2]), 0), filters, strict=True):
            total += tap[..., None] * weights
        return requantised(total.reshape(output).astype(np.int64) + bias, lowering.requantisation, dtype.numpy)

    return run


def dense(node: Node, graph: Graph) -> Callable[[Sequence[Array]], Array]:
    """Prepare an int8 or int16 :class:`FullyConnected`."""
    lowering = lower_linear(node, graph)
    dtype = graph.outputs_of(node)[0].dtype
    exact = exact_float(lowering.weights, lowering.input_zero_point, dtype)
    matrix, bias = lowering.weights.T.astype(exact), lowering.bias.astype(np.int64)

    def run(inputs: Sequence[Array]) -> Array:
        rows = np.subtract(inputs[0], lowering.input_zero_point, dtype=exact)
        return requantised((rows @ matrix).astype(np.int64) + bias, lowering.requantisation, dtype.numpy)

    return run
