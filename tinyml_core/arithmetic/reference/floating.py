"""float32 kernels: one rounding per operation, sums in one order, nothing contracted, so that C agrees to the bit.

Sums start at 0 and run over window row, window column and input channel; a bias is added last, the activation clamps
behind it. docs/arithmetic.md tells each operator's order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.elementary import exp
from tinyml_core.arithmetic.reference.reduction import summed
from tinyml_core.arithmetic.reference.window import taps
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import (
    Activation,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Softmax,
)

Float32 = npt.NDArray[np.float32]
Run = Callable[[Sequence[Float32]], Float32]


def clamped(values: Float32, activation: Activation) -> Float32:
    """``value < low ? low : value > high ? high : value``, limits rounded to float32."""
    with np.errstate(over="ignore"):
        low, high = (np.float32(limit) for limit in activation)
    return np.where(values < low, low, np.where(values > high, high, values))


def _size(node: Node, graph: Graph) -> tuple[int, int]:
    rows, columns = graph.outputs_of(node)[0].shape[1:3]
    return rows, columns


def convolution(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`Conv2D`."""
    op, size = node.op, _size(node, graph)
    assert isinstance(op, Conv2D)

    def run(inputs: Sequence[Float32]) -> Float32:
        image, weights = inputs[:2]
        channels, rows, columns, depth = weights.shape
        pixels = image.shape[0] * size[0] * size[1]
        total = np.zeros((channels, pixels), np.float32)
        products = np.empty_like(total)
        filters = weights.reshape(channels, -1).T
        for index, tap in enumerate(taps(image, op, (rows, columns), size, 0)):
            for channel, values in enumerate(np.ascontiguousarray(tap.reshape(pixels, depth).T)):
                np.multiply(filters[index * depth + channel][:, None], values, out=products)
                total += products
        return _finished(total.T.reshape(image.shape[0], *size, channels), inputs, op.activation)

    return run


def depthwise(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`DepthwiseConv2D`."""
    op, size = node.op, _size(node, graph)
    assert isinstance(op, DepthwiseConv2D)

    def run(inputs: Sequence[Float32]) -> Float32:
        image, weights = inputs[:2]
        _, rows, columns, channels = weights.shape
        filters = weights.reshape(rows * columns, image.shape[3], -1)
        total = np.zeros((image.shape[0], *size, *filters.shape[1:]), np.float32)
        for tap, factors in zip(taps(image, op, (rows, columns), size, 0), filters, strict=True):
            total += tap[..., None] * factors
        return _finished(total.reshape(*total.shape[:3], channels), inputs, op.activation)

    return run


def dense(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`FullyConnected`."""
    op = node.op
    assert isinstance(op, FullyConnected)

    def run(inputs: Sequence[Float32]) -> Float32:
        rows, weights = inputs[:2]
        total = np.zeros((rows.shape[0], weights.shape[0]), np.float32)
        for values, factors in zip(rows.T, weights.T, strict=True):
            total += values[:, None] * factors
        return _finished(total, inputs, op.activation)

    return run


def _finished(total: Float32, inputs: Sequence[Float32], activation: Activation) -> Float32:
    return np.ascontiguousarray(clamped(total + inputs[2] if len(inputs) == 3 else total, activation))


def batch_norm(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`BatchNorm`: ``(x - mean) * (gamma / sqrt(variance + epsilon)) + beta``."""
    op = node.op
    assert isinstance(op, BatchNorm)

    def run(inputs: Sequence[Float32]) -> Float32:
        values, gamma, beta, mean_, variance = inputs
        factor = gamma / np.sqrt(variance + np.float32(op.epsilon))
        return clamped((values - mean_) * factor + beta, op.activation)

    return run


def average_pool(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`AveragePool2D`."""
    op, size = node.op, _size(node, graph)
    assert isinstance(op, AveragePool2D)
    inside = np.ones((1, *graph.inputs_of(node)[0].shape[1:3], 1), np.float32)
    count = _total(taps(inside, op, op.kernel, size, 0))

    def run(inputs: Sequence[Float32]) -> Float32:
        return clamped(_total(taps(inputs[0], op, op.kernel, size, 0)) / count, op.activation)

    return run


def max_pool(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`MaxPool2D`; of equals the first one wins."""
    op, size = node.op, _size(node, graph)
    assert isinstance(op, MaxPool2D)

    def run(inputs: Sequence[Float32]) -> Float32:
        greatest = np.full((), -np.inf, np.float32)
        for tap in taps(inputs[0], op, op.kernel, size, -np.inf):
            greatest = np.where(tap > greatest, tap, greatest)
        return clamped(greatest, op.activation)

    return run


def mean(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`Mean`: elements are added in memory order."""
    op, shape = node.op, graph.outputs_of(node)[0].shape
    assert isinstance(op, Mean)
    axes = sorted(op.axes)

    def run(inputs: Sequence[Float32]) -> Float32:
        kept = [axis for axis in range(inputs[0].ndim) if axis not in axes]
        elements = inputs[0].transpose(*kept, *axes).reshape(*(inputs[0].shape[axis] for axis in kept), -1)
        return (summed(elements) / np.float32(elements.shape[-1])).reshape(shape)

    return run


def softmax(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`Softmax`: ``exp(beta * (x - max))`` over the sum of its row.

    Raises:
        UnsupportedError: ``beta`` is not positive.
    """
    op = node.op
    assert isinstance(op, Softmax)
    if not op.beta > 0:
        raise UnsupportedError(f"has beta {op.beta:g}; positive ones are known", place=f"node {node.name!r} (softmax)")

    def run(inputs: Sequence[Float32]) -> Float32:
        (values,) = inputs
        shares: Float32 = exp((values - values.max(axis=-1, keepdims=True)) * np.float32(op.beta))
        normalised: Float32 = shares / summed(shares)[..., None]
        return normalised

    return run


def _total(values: Iterable[Float32]) -> Float32:
    return functools.reduce(np.add, values, np.zeros((), np.float32))
