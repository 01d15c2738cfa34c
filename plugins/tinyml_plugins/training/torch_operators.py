"""Operators in torch: one function per operator of the float graph, on tensors laid out as the graph has them (NHWC).

A permuted view of an NHWC tensor is an NCHW one in torch's ``channels_last`` memory format, the fast one for depthwise
convolutions on a CPU; pointwise convolutions are matrix products (twice as fast again at these sizes, measured).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    BatchNorm,
    Binary,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Reshape,
    Softmax,
    Unary,
)
from tinyml_core.graph.operators.window import Activation, Window

Apply = Callable[[Sequence[Tensor], float | None], Tensor]
"""(inputs, momentum) -> output; ``momentum`` is the share of this batch in the running statistics of a batch
normalisation, which works by the batch's own; None works by the running ones, as a trained network does."""


def activate(x: Tensor, activation: Activation) -> Tensor:
    """Limit to ``activation``; ``hardtanh`` is five times as fast as ``clamp`` with its gradient (measured)."""
    low, high = activation
    if math.isinf(low) and math.isinf(high):
        return x
    return functional.relu(x) if (low, high) == (0.0, math.inf) else functional.hardtanh(x, low, high)


def channels_first(x: Tensor) -> Tensor:
    """An NHWC tensor seen as NCHW."""
    return x.permute(0, 3, 1, 2)


def channels_last(x: Tensor) -> Tensor:
    """An NCHW tensor seen as NHWC."""
    return x.permute(0, 2, 3, 1)


def _padded(x: Tensor, op: Window, value: float = 0.0) -> Tensor:
    """NCHW ``x`` surrounded by ``value``."""
    top, bottom, left, right = op.padding
    return functional.pad(x, (left, right, top, bottom), value=value) if any(op.padding) else x


def _convolve(x: Tensor, kernel: Tensor, bias: Tensor | None, op: Window, groups: int = 1) -> Tensor:
    """NHWC ``x`` by an OIHW kernel; torch pads by itself where the padding is symmetric."""
    top, bottom, left, right = op.padding
    image, padding = channels_first(x), (top, left)
    if (top, left) != (bottom, right):
        image, padding = _padded(image, op), (0, 0)
    y = functional.conv2d(image, kernel, bias, op.stride, padding, op.dilation, groups)
    return activate(channels_last(y), op.activation)


def conv2d(op: Conv2D) -> Apply:
    """Convolution by OHWI weights."""

    def apply(inputs: Sequence[Tensor], momentum: float | None) -> Tensor:
        x, weights = inputs[:2]
        bias = inputs[2] if len(inputs) == 3 else None
        if weights.shape[1:3] == (1, 1) and op.stride == (1, 1) and not any(op.padding):
            return activate(functional.linear(x, weights.flatten(1), bias), op.activation)
        return _convolve(x, channels_first(weights), bias, op)

    return apply


def depthwise_conv2d(op: DepthwiseConv2D) -> Apply:
    """Depthwise convolution by 1HWC weights."""

    def apply(inputs: Sequence[Tensor], momentum: float | None) -> Tensor:
        x, weights = inputs[:2]
        bias = inputs[2] if len(inputs) == 3 else None
        return _convolve(x, weights.permute(3, 0, 1, 2), bias, op, groups=x.shape[3])

    return apply


def fully_connected(op: FullyConnected) -> Apply:
    """Dense layer."""
    return lambda inputs, momentum: activate(functional.linear(*inputs), op.activation)


def batch_norm(op: BatchNorm) -> Apply:
    """Batch normalisation, over all axes but the last."""

    def apply(inputs: Sequence[Tensor], momentum: float | None) -> Tensor:
        x, gamma, beta, mean, variance = inputs
        rows = x.reshape(-1, x.shape[-1])
        training = momentum is not None
        y = functional.batch_norm(rows, mean, variance, gamma, beta, training, momentum or 0.0, op.epsilon)
        return activate(y.view(x.shape), op.activation)

    return apply


def average_pool2d(op: AveragePool2D) -> Apply:
    """Mean over the part of the window that lies inside the image."""

    def apply(inputs: Sequence[Tensor], momentum: float | None) -> Tensor:
        image = channels_first(inputs[0])
        y = functional.avg_pool2d(_padded(image, op), op.kernel, op.stride)
        if any(op.padding):  # the share of each window that lies inside the image
            y = y / functional.avg_pool2d(_padded(torch.ones_like(image[:1, :1]), op), op.kernel, op.stride)
        return activate(channels_last(y), op.activation)

    return apply


def max_pool2d(op: MaxPool2D) -> Apply:
    """Greatest element of the window."""

    def apply(inputs: Sequence[Tensor], momentum: float | None) -> Tensor:
        image = _padded(channels_first(inputs[0]), op, -math.inf)
        return activate(channels_last(functional.max_pool2d(image, op.kernel, op.stride)), op.activation)

    return apply


def unary(op: Unary) -> Apply:
    """One function of every element.

    Raises:
        KeyError: the function is not among :data:`UNARY`.
    """
    function = UNARY[op.function]
    return lambda inputs, momentum: function(inputs[0], op)


def binary(op: Binary) -> Apply:
    """One function of two operands.

    Raises:
        KeyError: the function is not among :data:`BINARY`.
    """
    function = BINARY[op.function]
    return lambda inputs, momentum: activate(function(*inputs), op.activation)


def pad(op: Pad) -> Apply:
    """Zeros around; torch takes the last axis first."""
    widths = [width for pair in reversed(op.padding) for width in pair]
    return lambda inputs, momentum: functional.pad(inputs[0], widths)


UNARY: dict[str, Callable[[Tensor, Unary], Tensor]] = {
    "hard_sigmoid": lambda x, op: functional.hardtanh(op.alpha * x + op.beta, 0.0, 1.0),
    "hard_swish": lambda x, op: functional.hardswish(x),
    "sigmoid": lambda x, op: torch.sigmoid(x),
    "tanh": lambda x, op: torch.tanh(x),
}
"""Function of one operand -> what it does to a tensor, given its operator."""
BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"multiply": torch.mul, "subtract": torch.sub}
"""Function of two operands -> what it does to tensors."""

TORCH: dict[type[Operator], Callable[..., Apply]] = {
    Add: lambda op: lambda inputs, momentum: activate(inputs[0] + inputs[1], op.activation),
    AveragePool2D: average_pool2d,
    BatchNorm: batch_norm,
    Binary: binary,
    Clamp: lambda op: lambda inputs, momentum: activate(inputs[0], op.activation),
    Conv2D: conv2d,
    DepthwiseConv2D: depthwise_conv2d,
    FullyConnected: fully_connected,
    MaxPool2D: max_pool2d,
    Mean: lambda op: lambda inputs, momentum: inputs[0].mean(op.axes, keepdim=op.keep_axes),
    Pad: pad,
    Reshape: lambda op: lambda inputs, momentum: inputs[0].reshape(-1, *op.shape[1:]),
    Softmax: lambda op: lambda inputs, momentum: functional.softmax(op.beta * inputs[0], dim=-1),
    Unary: unary,
}
"""Operator class -> from the operator to what it does."""
