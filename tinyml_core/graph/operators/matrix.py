"""Products of two activations, and the convolution that goes backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.operators.broadcast import broadcast
from tinyml_core.graph.operators.window import IDENTITY, Activation
from tinyml_core.graph.tensor import LARGEST_TENSOR, Tensor


@dataclass(frozen=True)
class MatMul(Operator):
    """``left @ right`` over the last two axes, the others broadcast; either operand may be transposed first."""

    kind: ClassVar[str] = "matmul"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    transpose_left: bool = False
    transpose_right: bool = False
    activation: Activation = IDENTITY

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[..., m, k] and [..., k, n] give [..., m, n]."""
        left, right = inputs
        require(len(left.shape) >= 2 and len(right.shape) >= 2, "both operands need two axes")
        require(left.dtype == right.dtype, f"types {left.dtype.value} and {right.dtype.value} differ")
        rows, depth = left.shape[-2:][::-1] if self.transpose_left else left.shape[-2:]
        other, columns = right.shape[-2:][::-1] if self.transpose_right else right.shape[-2:]
        require(depth == other, f"inner sizes {depth} and {other} differ")
        return (TensorType((*broadcast(left.shape[:-2], right.shape[:-2]), rows, columns), left.dtype),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Outputs times the inner size."""
        return outputs[0].elements * inputs[0].shape[-2 if self.transpose_left else -1]


@dataclass(frozen=True)
class TransposeConv2D(Operator):
    """Transposed 2-D convolution: each input pixel adds its window to the output; inputs as for Conv2D.

    ``size`` are the output's rows and columns; output row y gets input row i through tap k where
    ``y = i * stride - padding[0] + k``.
    """

    kind: ClassVar[str] = "transpose_conv2d"
    arity: ClassVar[tuple[int, int]] = (2, 3)
    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    activation: Activation = IDENTITY

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, h, w, i] and [o, kh, kw, i] give [n, *size, o]."""
        image, weights = inputs[:2]
        require(len(image.shape) == 4 and len(weights.shape) == 4, "NHWC by OHWI is needed")
        require(image.shape[3] == weights.shape[3], f"{image.shape[3]} channels, weights expect {weights.shape[3]}")
        require(min(*self.size, *self.stride) >= 1 and min(self.padding) >= 0, "sizes and strides start at 1")
        rows, columns = (
            (n - 1) * step + taps
            for n, step, taps in zip(image.shape[1:3], self.stride, weights.shape[1:3], strict=True)
        )
        canvas = image.shape[0] * rows * columns * weights.shape[0]
        require(canvas <= LARGEST_TENSOR, f"the uncropped output has {canvas} elements, the limit is {LARGEST_TENSOR}")
        if len(inputs) == 3:
            require(inputs[2].shape == (weights.shape[0],), f"bias has shape {inputs[2].shape}")
        return (TensorType((image.shape[0], *self.size, weights.shape[0]), image.dtype),)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Input pixels times the size of the weights, cropped taps counted."""
        _, rows, columns, _ = inputs[0].shape
        return inputs[0].shape[0] * rows * columns * inputs[1].elements
