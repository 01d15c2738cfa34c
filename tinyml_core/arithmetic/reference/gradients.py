"""Gradients in float32: one rounding per operation, every sum in one order, so that a device can repeat its bits.

Sums start at 0 and run over the axes that are Python loops here; NumPy takes the others side by side. What a window
reads from the padding is left out, not added as zero. docs/arithmetic.md tells each operator's order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.reference.reduction import summed
from tinyml_core.arithmetic.reference.window import taps
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import (
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    MaxPoolGradient,
    SaturationMask,
)
from tinyml_core.graph.operators.window import Window
from tinyml_core.graph.tensor import Tensor

Array = npt.NDArray[Any]
Float32 = npt.NDArray[np.float32]
Run = Callable[[Sequence[Array]], Array]


def saturation_mask(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`SaturationMask`."""
    op = node.op
    assert isinstance(op, SaturationMask)
    low, high = np.int16(op.low), np.int16(op.high)  # limits may lie one beyond int8
    return lambda inputs: np.packbits((inputs[0] > low) & (inputs[0] < high), bitorder="little")


def masked_scale(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`~tinyml_core.graph.operators.MaskedScale`."""

    def run(inputs: Sequence[Array]) -> Array:
        gradient, bits, factors = inputs
        passes = np.unpackbits(bits, count=gradient.size, bitorder="little").reshape(gradient.shape)
        return np.where(passes, gradient * factors, np.float32(0))

    return run


def bias_gradient(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`~tinyml_core.graph.operators.BiasGradient`."""
    return lambda inputs: summed(inputs[0].reshape(-1, inputs[0].shape[-1]).T)


@dataclass(frozen=True)
class _Canvas:
    """The gradient of a window's input, padded as the input is, so that every tap finds a place to add to."""

    padded: Float32
    inner: Float32
    taps: tuple[Float32, ...]

    @classmethod
    def of(cls, op: Window, kernel: tuple[int, int], gradient: Array, shape: Sequence[int]) -> _Canvas:
        """Zeros for an input of ``shape`` whose windows' ``gradient`` is [n, oh, ow, ...]."""
        top, bottom, left, right = op.padding
        samples, height, width, channels = shape
        padded = np.zeros((samples, top + height + bottom, left + width + right, channels), np.float32)
        views = taps(padded, replace(op, padding=(0, 0, 0, 0)), kernel, gradient.shape[1:3], 0)
        return cls(padded, padded[:, top : top + height, left : left + width], tuple(views))


def convolution_input(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Conv2DInputGradient`."""
    op, (output,) = node.op, graph.outputs_of(node)
    assert isinstance(op, Conv2DInputGradient)

    def run(inputs: Sequence[Array]) -> Array:
        gradient, weights = inputs
        filters, rows, columns, channels = weights.shape
        canvas = _Canvas.of(op, (rows, columns), gradient, output.shape)
        products = np.empty((*gradient.shape[:3], channels), np.float32)
        factors = weights.reshape(filters, rows * columns, channels).astype(np.float32)
        for index in range(filters):
            values = gradient[..., index, None]
            for tap, factor in zip(canvas.taps, factors[index], strict=True):
                np.multiply(values, factor, out=products)
                np.add(tap, products, out=tap)
        return canvas.inner.copy()

    return run


def depthwise_input(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`DepthwiseInputGradient`."""
    op, (output,) = node.op, graph.outputs_of(node)
    assert isinstance(op, DepthwiseInputGradient)

    def run(inputs: Sequence[Array]) -> Array:
        gradient, weights = inputs
        rows, columns = weights.shape[1:3]
        canvas = _Canvas.of(op, (rows, columns), gradient, output.shape)
        products = np.empty((*gradient.shape[:3], output.shape[3]), np.float32)
        factors = weights.reshape(rows * columns, -1).astype(np.float32)
        for index in range(op.multiplier):
            values = gradient[..., index :: op.multiplier]
            for tap, factor in zip(canvas.taps, factors[:, index :: op.multiplier], strict=True):
                np.multiply(values, factor, out=products)
                np.add(tap, products, out=tap)
        return canvas.inner.copy()

    return run


def convolution_weights(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Conv2DWeightGradient`."""
    op, (image, _), (output,) = node.op, graph.inputs_of(node), graph.outputs_of(node)
    assert isinstance(op, Conv2DWeightGradient)

    def run(inputs: Sequence[Array]) -> Array:
        values, total = _centred(inputs[0], image), np.zeros(output.shape, np.float32)
        products = np.empty_like(total)
        for place, (window, rows, columns) in _windows(op, op.kernel, image.shape, inputs[1].shape):
            product, part = products[:, *window], total[:, *window]
            np.multiply(inputs[1][place][:, None, None, None], values[rows, columns], out=product)
            np.add(part, product, out=part)
        return total

    return run


def depthwise_weights(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`DepthwiseWeightGradient`."""
    op, (image, _), (output,) = node.op, graph.inputs_of(node), graph.outputs_of(node)
    assert isinstance(op, DepthwiseWeightGradient)
    sources = image.shape[3]

    def run(inputs: Sequence[Array]) -> Array:
        values, total = (
            _centred(inputs[0], image),
            np.zeros((*op.kernel, sources, output.shape[3] // sources), np.float32),
        )
        products = np.empty_like(total)
        for place, (window, rows, columns) in _windows(op, op.kernel, image.shape, inputs[1].shape):
            product, part = products[window], total[window]
            np.multiply(inputs[1][place].reshape(sources, -1), values[rows, columns, :, None], out=product)
            np.add(part, product, out=part)
        return total.reshape(output.shape)

    return run


def _centred(values: Array, tensor: Tensor) -> Float32:
    """[h, w, c] without the zero point, exact in float32."""
    zero_point = tensor.zero_point if tensor.quantization else 0
    centred: Float32 = np.subtract(values[0], np.float32(zero_point), dtype=np.float32)
    return centred


Slices = tuple[tuple[slice, slice], slice, slice]


def _windows(
    op: Window, kernel: tuple[int, int], image: Sequence[int], output: Sequence[int]
) -> Iterator[tuple[tuple[int, int, int], Slices]]:
    """Each output pixel in memory order: its place, the taps inside the image, the rows and columns they read."""
    (rows, columns) = (
        [
            _inside(index * op.stride[axis] - op.padding[2 * axis], kernel[axis], op.dilation[axis], image[1 + axis])
            for index in range(output[1 + axis])
        ]
        for axis in (0, 1)
    )
    for row, (row_taps, row_pixels) in enumerate(rows):
        for column, (column_taps, column_pixels) in enumerate(columns):
            yield (0, row, column), ((row_taps, column_taps), row_pixels, column_pixels)


def _inside(start: int, taps: int, step: int, size: int) -> tuple[slice, slice]:
    """Of ``taps`` at start, start + step, ... those within 0..size-1, and what they read; both may be empty."""
    first = max(0, -(start // step))
    end = max(first, min(taps, -((start - size) // step)))
    return slice(first, end), slice(start + first * step, start + end * step, step) if end > first else slice(0, 0)


def max_pool(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`MaxPoolGradient`.

    A pixel's windows come in ascending order when its taps come in descending order.
    """
    op = node.op
    assert isinstance(op, MaxPoolGradient)

    def run(inputs: Sequence[Array]) -> Array:
        image, greatest, gradient = inputs
        values = image.astype(np.float32)  # where padding can be what equals nothing
        taken, winners = np.zeros(greatest.shape, bool), []
        for tap in taps(values, op, op.kernel, gradient.shape[1:3], np.nan):
            winners.append((tap == greatest) & ~taken)
            taken |= winners[-1]
        canvas = _Canvas.of(op, op.kernel, gradient, image.shape)
        for tap, wins in zip(reversed(canvas.taps), reversed(winners), strict=True):
            np.add(tap, gradient, out=tap, where=wins)
        return canvas.inner.copy()

    return run
