"""Poolings: average and maximum over a window, and the mean over whole axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.operators.reduction import reduced_shape
from tinyml_core.graph.operators.window import Window
from tinyml_core.graph.tensor import Tensor


@dataclass(frozen=True)
class _Pool2D(Window):
    kernel: tuple[int, int] = (2, 2)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, h, w, c] gives [n, oh, ow, c]."""
        image = inputs[0]
        rows, columns = self.output_size(image, self.kernel)
        top, bottom, left, right = self.padding
        require(
            max(top, bottom) < self.kernel[0] and max(left, right) < self.kernel[1],
            "padding reaches a whole window, which would pool nothing",
        )
        require(self.dilation == (1, 1), "pooling has no dilation")
        return (TensorType((image.shape[0], rows, columns, image.shape[3]), image.dtype),)

    def operations(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Elements pooled, those of padding counted."""
        return outputs[0].elements * self.kernel[0] * self.kernel[1]


@dataclass(frozen=True)
class AveragePool2D(_Pool2D):
    """Mean of the elements of the window that lie inside the input; padding does not count."""

    kind: ClassVar[str] = "average_pool2d"


@dataclass(frozen=True)
class MaxPool2D(_Pool2D):
    """Greatest element of the window; padding never wins."""

    kind: ClassVar[str] = "max_pool2d"


@dataclass(frozen=True)
class Mean(Operator):
    """Mean over ``axes`` (none negative); ``keep_axes`` leaves them behind with size 1."""

    kind: ClassVar[str] = "mean"
    axes: tuple[int, ...] = (1, 2)
    keep_axes: bool = False

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape without ``axes``, or with them set to 1."""
        return (TensorType(reduced_shape(inputs[0].shape, self.axes, self.keep_axes), inputs[0].dtype),)
