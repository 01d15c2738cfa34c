"""Gradients of poolings and of the mean over axes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.requantisation import activation_limits
from tinyml_core.graph.graph import Node
from tinyml_core.graph.operators import (
    AveragePool2D,
    DepthwiseInputGradient,
    Expand,
    MaxPool2D,
    MaxPoolGradient,
    Mean,
    Reshape,
)
from tinyml_core.graph.tensor import DType
from tinyml_core.training.autodiff import UNSCALED, Backward


def mean(back: Backward, node: Node) -> None:
    """:class:`Mean`: every element gets the same share; equal scales cannot saturate."""
    op = node.op
    assert isinstance(op, Mean)
    (source,), (output,) = back.graph.inputs_of(node), back.graph.outputs_of(node)
    count = math.prod(source.shape[axis] for axis in op.axes)
    if source.quantization == output.quantization:
        share = back.scaled(node, back.gradient_of(node), [1 / count], "share")
    else:
        share = back.masked(node, [source.scale / (output.scale * count)], "share")
    kept = tuple(1 if axis in op.axes else size for axis, size in enumerate(source.shape))
    if output.shape != kept:
        share = back.emit(Reshape(kept), [share], node, "kept")
    back.give(source.name, back.emit(Expand(source.shape), [share], node, "gradient"))


def average_pool(back: Backward, node: Node) -> None:
    """:class:`AveragePool2D`: each window's gradient, shared among its taps inside, goes back as through ones."""
    op = node.op
    assert isinstance(op, AveragePool2D)
    (source,), (output,) = back.graph.inputs_of(node), back.graph.outputs_of(node)
    inside = [
        _taps_inside(source.shape[1 + axis], output.shape[1 + axis], op.kernel[axis], op.stride[axis], before)
        for axis, before in ((0, op.padding[0]), (1, op.padding[2]))
    ]
    shares = 1 / (inside[0][:, None] * inside[1])
    share = back.scaled(node, _unclamped(back, node), shares[None, :, :, None], "share")
    ones = back.constant(np.ones((1, *op.kernel, source.shape[3]), np.int8), f"{node.name}.ones", UNSCALED)
    spread = DepthwiseInputGradient(op.stride, op.padding, height=source.shape[1], width=source.shape[2])
    back.give(source.name, back.emit(spread, [share, ones], node, "gradient"))


def max_pool(back: Backward, node: Node) -> None:
    """:class:`MaxPool2D`: the gradient goes to the first of the greatest."""
    op = node.op
    assert isinstance(op, MaxPool2D)
    (source,), (output,) = back.graph.inputs_of(node), back.graph.outputs_of(node)
    choice = MaxPoolGradient(op.stride, op.padding, kernel=op.kernel)
    operands = [source.name, output.name, _unclamped(back, node)]
    back.give(source.name, back.emit(choice, operands, node, "gradient"))


def _unclamped(back: Backward, node: Node) -> str:
    """The gradient behind a pooling's activation; without one a pooling does not saturate."""
    (output,) = back.graph.outputs_of(node)
    if back.is_float(node) or activation_limits(node.op.activation, output) == DType.INT8.limits:  # type: ignore[attr-defined]
        return back.gradient_of(node)
    return back.masked(node, [1.0], "unclamped")


def _taps_inside(size: int, windows: int, kernel: int, stride: int, before: int) -> npt.NDArray[np.int64]:
    """How many taps of each window along one axis lie inside."""
    first = np.arange(windows) * stride - before
    inside: npt.NDArray[np.int64] = np.minimum(first + kernel, size) - np.maximum(first, 0)
    return inside
