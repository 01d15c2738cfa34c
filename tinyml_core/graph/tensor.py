"""Tensors: name, shape, element type, quantisation and, for constants, data.

Layouts are those of TensorFlow Lite: activations NHWC, convolution weights OHWI, depthwise weights 1HWC, dense weights
[out, in]. A real value is ``scale * (integer - zero_point)``.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

LARGEST_TENSOR = 1 << 28
"""Bytes above which a tensor is refused: no microcontroller addresses it, and a hostile file may claim it."""


class DType(enum.Enum):
    """Element types; the value is the NumPy name."""

    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy element type."""
        return np.dtype(self.value)

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return self.numpy.itemsize

    @property
    def is_integer(self) -> bool:
        """Whether values are integers (booleans are not)."""
        return self.value.startswith(("int", "uint"))

    @property
    def limits(self) -> tuple[int, int]:
        """Least and greatest integer of an integer type."""
        info = np.iinfo(self.value)
        return int(info.min), int(info.max)


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation: one (scale, zero point) for the tensor, or one for each index along ``axis``.

    Scales are float32 values held as Python floats, since every runtime stores them so.
    """

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None

    @classmethod
    def per_tensor(cls, scale: float, zero_point: int = 0) -> Quantization:
        """One scale (rounded to float32) and zero point for all elements."""
        return cls((float(np.float32(scale)),), (int(zero_point),))

    @classmethod
    def per_channel(cls, scale: npt.ArrayLike, axis: int) -> Quantization:
        """Symmetric scales (rounded to float32) along ``axis``, zero points 0."""
        scales = tuple(float(value) for value in np.asarray(scale, np.float32).ravel())
        return cls(scales, (0,) * len(scales), axis)


@dataclass(frozen=True)
class Tensor:
    """A value of the graph; ``data`` makes it a constant.

    Compares by everything but ``data``; use :func:`tinyml_core.graph.compare.identical` for whole graphs.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    quantization: Quantization | None = None
    data: Array | None = field(default=None, compare=False, repr=False)

    @property
    def elements(self) -> int:
        """Number of elements; 1 for a scalar."""
        return math.prod(self.shape)

    @cached_property
    def bytes(self) -> int:
        """Size in bytes, densely packed."""
        return self.elements * self.dtype.size

    @property
    def scale(self) -> float:
        """The scale of a per-tensor quantised tensor."""
        assert self.quantization is not None, self.name
        assert len(self.quantization.scale) == 1, self.name
        return self.quantization.scale[0]

    @property
    def zero_point(self) -> int:
        """The zero point of a per-tensor quantised tensor."""
        assert self.quantization is not None, self.name
        return self.quantization.zero_point[0]
