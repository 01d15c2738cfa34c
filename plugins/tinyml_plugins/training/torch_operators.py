"""Operators in torch: one function per operator of the float graph, on tensors laid out as the graph has them (NHWC).

A permuted view of an NHWC tensor is an NCHW tensor in torch's ``channels_last`` memory format, the fast one for depthwise
convolutions on a CPU; pointwise convolutions are matrix products (twice as fast again at these sizes, measured).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add, AveragePool2D, BatchNorm, Clamp, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, Pad, Reshape,
    Softmax,
)  # fmt: skip
from tinyml_core.graph.operators.window import Activation, Window

Apply = Callable[[Sequence[Tensor], bool], Tensor]
"""(inputs, training) -> output."""

RUNNING_MOMENTUM = 0.1
"""Share of each batch in the running mean and variance of a batch normalisation."""


def activate(x: Tensor, activation: Activation) -> Tensor:
    """Limit to ``activation``; ``hardtanh`` is five times as fast as ``clamp`` with its gradient (measured)."""
    low, high = activation
    if math.isinf(low) and math.isinf(high):
        return x
    return F.relu(x) if (low, high) == (0.0, math.inf) else F.hardtanh(x, low, high)


def channels_first(x: Tensor) -> Tensor:
    """An NHWC tensor seen as NCHW."""
    return x.permute(0, 3, 1, 2)


def channels_last(x: Tensor) -> Tensor:
    """An NCHW tensor seen as NHWC."""
    return x.permute(0, 2, 3, 1)


def _padded(x: Tensor, op: Window, value: float = 0.0) -> tuple[Tensor, tuple[int, int]]:
    """NCHW ``x`` with the padding that torch's own symmetric one, which is returned beside it, cannot express."""
    top, bottom, left, right = op.padding
    if (top, left) == (bottom, right) and value == 0.0:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=value), (0, 0)


def conv2d(op: Conv2D) -> Apply:
    """Convolution by OHWI weights."""

    def apply(inputs: Sequence[Tensor], training: bool) -> Tensor:
        x, weights = inputs[:2]
        bias = inputs[2] if len(inputs) == 3 else None
        if weights.shape[1:3] == (1, 1) and op.stride == (1, 1) and not any(op.padding):
            return activate(F.linear(x, weights.flatten(1), bias), op.activation)
        image, padding = _padded(channels_first(x), op)
        y = F.conv2d(image, channels_first(weights), bias, op.stride, padding, op.dilation)
        return activate(channels_last(y), op.activation)

    return apply


def depthwise_conv2d(op: DepthwiseConv2D) -> Apply:
    """Depthwise convolution by 1HWC weights."""

    def apply(inputs: Sequence[Tensor], training: bool) -> Tensor:
        x, weights = inputs[:2]
        image, padding = _padded(channels_first(x), op)
        kernel = weights.permute(3, 0, 1, 2)
        bias = inputs[2] if len(inputs) == 3 else None
        y = F.conv2d(image, kernel, bias, op.stride, padding, op.dilation, groups=x.shape[3])
        return activate(channels_last(y), op.activation)

    return apply


def fully_connected(op: FullyConnected) -> Apply:
    """Dense layer."""
    return lambda inputs, training: activate(F.linear(*inputs), op.activation)


def batch_norm(op: BatchNorm) -> Apply:
    """Batch normalisation; in training by the batch's own statistics, which also move the running ones."""

    def apply(inputs: Sequence[Tensor], training: bool) -> Tensor:
        x, gamma, beta, mean, variance = inputs
        rows = x.reshape(-1, x.shape[-1])
        y = F.batch_norm(rows, mean, variance, gamma, beta, training, RUNNING_MOMENTUM, op.epsilon)
        return activate(y.view(x.shape), op.activation)

    return apply


def average_pool2d(op: AveragePool2D) -> Apply:
    """Mean over the part of the window that lies inside the image."""

    def apply(inputs: Sequence[Tensor], training: bool) -> Tensor:
        image = channels_first(inputs[0])
        y = F.avg_pool2d(_padded(image, op, math.nan)[0].nan_to_num(0.0) if any(op.padding) else image, op.kernel, op.stride)
        if any(op.padding):
            inside, _ = _padded(torch.ones_like(image[:1, :1]), op, 0.0)
            y = y / F.avg_pool2d(inside, op.kernel, op.stride)
        return activate(channels_last(y), op.activation)

    return apply


def max_pool2d(op: MaxPool2D) -> Apply:
    """Greatest element of the window."""

    def apply(inputs: Sequence[Tensor], training: bool) -> Tensor:
        image, _ = _padded(channels_first(inputs[0]), op, -math.inf)
        return activate(channels_last(F.max_pool2d(image, op.kernel, op.stride)), op.activation)

    return apply


def pad(op: Pad) -> Apply:
    """Zeros around; torch takes the last axis first."""
    widths = [width for pair in reversed(op.padding) for width in pair]
    return lambda inputs, training: F.pad(inputs[0], widths)


TORCH: dict[type[Operator], Callable[..., Apply]] = {
    Add: lambda op: lambda inputs, training: activate(inputs[0] + inputs[1], op.activation),
    AveragePool2D: average_pool2d,
    BatchNorm: batch_norm,
    Clamp: lambda op: lambda inputs, training: activate(inputs[0], op.activation),
    Conv2D: conv2d,
    DepthwiseConv2D: depthwise_conv2d,
    FullyConnected: fully_connected,
    MaxPool2D: max_pool2d,
    Mean: lambda op: lambda inputs, training: inputs[0].mean(op.axes, keepdim=op.keep_axes),
    Pad: pad,
    Reshape: lambda op: lambda inputs, training: inputs[0].reshape(-1, *op.shape[1:]),
    Softmax: lambda op: lambda inputs, training: F.softmax(op.beta * inputs[0], dim=-1),
}
"""Operator class -> from the operator to what it does."""
