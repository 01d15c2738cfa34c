"""Values: what a name of the ONNX graph stands for while it is converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.onnx.network import Array

NHWC = (0, 2, 3, 1)
"""Axes of an image on the device, whose source is NCHW."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant in the source's layout; with a quantisation it stands for the real numbers its integers mean."""

    name: str
    data: Array
    quantization: Quantization | None = None

    @property
    def real(self) -> npt.NDArray[np.float32]:
        """The float32 numbers it stands for."""
        if self.quantization is None:
            return self.data.astype(np.float32)
        scale = _along(self.quantization.scale, self.quantization.axis, self.data.ndim).astype(np.float32)
        return self.centred.astype(np.float32) * scale

    @property
    def centred(self) -> npt.NDArray[np.int64]:
        """The integers less their zero points."""
        assert self.quantization is not None
        points = _along(self.quantization.zero_point, self.quantization.axis, self.data.ndim)
        return self.data.astype(np.int64) - points.astype(np.int64)


def _along(values: Sequence[float], axis: int | None, rank: int) -> Array:
    shape = [1] * rank
    if axis is not None:
        shape[axis] = len(values)
    return np.array(values, np.float64).reshape(shape)


@dataclass(frozen=True)
class Flattened:
    """An image flattened in the order of the device, where the source has another.

    ``shape`` is the image's in the source, ``axes`` its layout on the device, both without the samples' axis.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]

    def order(self) -> npt.NDArray[np.int64]:
        """For each element on the device, where the source has it; as many elements as the image has."""
        return np.arange(int(np.prod(self.shape))).reshape(self.shape).transpose(self.axes).ravel()


@dataclass(frozen=True)
class Variable:
    """A tensor of the graph being built.

    ``dtype`` is the source's: float32 also where the device keeps the real numbers as int8, uint8 where the device
    keeps them less 128. The device's array is the source's transposed by ``axes``, and rearranged where ``flattened``.
    """

    handle: str
    dtype: DType
    axes: tuple[int, ...]
    flattened: Flattened | None = None

    @property
    def source_axes(self) -> tuple[int, ...]:
        """For each axis of the source, where it lies on the device."""
        return tuple(self.axes.index(axis) for axis in range(len(self.axes)))


Value = Constant | Variable


def moves_nothing(shape: Sequence[int], permutation: Sequence[int]) -> bool:
    """Whether transposing an array of ``shape`` leaves its elements in the same order in memory."""
    order = [axis for axis in permutation if shape[axis] != 1]
    return order == sorted(order)
