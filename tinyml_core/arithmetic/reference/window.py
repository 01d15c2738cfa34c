"""Windows over NHWC images: the taps, in the order in which every operator visits them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.operators.window import Window

Array = npt.NDArray[Any]


def taps(image: Array, op: Window, kernel: tuple[int, int], size: tuple[int, int], fill: float) -> Iterator[Array]:
    """Views [n, rows, columns, c] of what each tap of the window reads, row by row of the window.

    Args:
        image: [n, h, w, c].
        op: stride, padding and dilation.
        kernel: rows and columns of the window.
        size: rows and columns of the output.
        fill: what padding reads as.
    """
    top, bottom, left, right = op.padding
    if any(op.padding):
        image = np.pad(image, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            y, x = row * op.dilation[0], column * op.dilation[1]
            yield image[
                :,
                y : y + (size[0] - 1) * op.stride[0] + 1 : op.stride[0],
                x : x + (size[1] - 1) * op.stride[1] + 1 : op.stride[1],
            ]
