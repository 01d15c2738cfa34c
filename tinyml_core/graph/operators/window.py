"""Windows: the geometry that convolutions and poolings share, and the activation fused behind them.

Padding is explicit, ``(top, bottom, left, right)``: importers resolve SAME and VALID, so that nothing after them has to
know the convention of the source file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyml_core.graph.operator import Operator, require
from tinyml_core.graph.tensor import LARGEST_TENSOR, Tensor

Activation = tuple[float, float]
"""Least and greatest real value let through; a fused clamp."""
MOST_TAPS = 1 << 18
"""Taps above which a window is refused; the largest that makes sense covers a whole image of 512 by 512 pixels."""
IDENTITY: Activation = (-math.inf, math.inf)
RELU: Activation = (0.0, math.inf)
RELU6: Activation = (0.0, 6.0)


@dataclass(frozen=True)
class Window(Operator):
    """A window sliding over the two middle axes of an NHWC tensor."""

    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: tuple[int, int] = (1, 1)
    activation: Activation = IDENTITY

    def output_size(self, image: Tensor, kernel: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the output; raises :class:`~tinyml_core.graph.operator.Broken` when there are none."""
        require(len(image.shape) == 4, f"input {image.name!r} has shape {image.shape}, NHWC is needed")
        require(min(*self.stride, *self.dilation, *kernel) >= 1, "stride, dilation and kernel size start at 1")
        require(
            kernel[0] * kernel[1] <= MOST_TAPS,
            f"the window has {kernel[0]} x {kernel[1]} taps, the limit is {MOST_TAPS}",
        )
        require(min(self.padding) >= 0, "padding cannot be negative")
        require(self.activation[0] <= self.activation[1], f"activation range {self.activation} is empty")
        top, bottom, left, right = self.padding
        padded = image.shape[0] * (image.shape[1] + top + bottom) * (image.shape[2] + left + right) * image.shape[3]
        require(
            padded * image.dtype.size <= LARGEST_TENSOR,
            f"the padded input has {padded * image.dtype.size} bytes, the limit is {LARGEST_TENSOR}",
        )
        sizes = []
        for axis, before, after in ((0, top, bottom), (1, left, right)):
            reach = (kernel[axis] - 1) * self.dilation[axis] + 1
            sizes.append((image.shape[1 + axis] + before + after - reach) // self.stride[axis] + 1)
        require(min(sizes) >= 1, f"a window of {kernel} does not fit the padded input {image.shape}")
        return sizes[0], sizes[1]
