"""Operators that arrange elements: transpose, concatenate, split, slice, gather, repeat, resize.

Everything about them is known when the graph is written, but the indices that :class:`Gather` may read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.operators.broadcast import broadcast
from tinyml_core.graph.tensor import DType, Tensor


@dataclass(frozen=True)
class Transpose(Operator):
    """Axis i of the output is axis ``axes[i]`` of the input."""

    kind: ClassVar[str] = "transpose"
    axes: tuple[int, ...] = ()

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The permuted shape."""
        shape = inputs[0].shape
        require(sorted(self.axes) == list(range(len(shape))), f"axes {self.axes} do not permute shape {shape}")
        return (TensorType(tuple(shape[axis] for axis in self.axes), inputs[0].dtype),)


@dataclass(frozen=True)
class Concat(Operator):
    """Inputs one after the other along ``axis``."""

    kind: ClassVar[str] = "concat"
    arity: ClassVar[tuple[int, int]] = (1, 1024)
    axis: int = 0

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """Sizes along ``axis`` add up; all other sizes and the type agree."""
        first = inputs[0]
        require(0 <= self.axis < len(first.shape), f"axis {self.axis} does not suit shape {first.shape}")

        def rest(tensor: Tensor) -> tuple[object, ...]:
            return (tensor.dtype, len(tensor.shape), *tensor.shape[: self.axis], *tensor.shape[self.axis + 1 :])

        for tensor in inputs[1:]:
            require(
                rest(tensor) == rest(first), f"{tensor.name!r} does not suit {first.name!r} beside axis {self.axis}"
            )
        shape = list(first.shape)
        shape[self.axis] = sum(tensor.shape[self.axis] for tensor in inputs)
        return (TensorType(tuple(shape), first.dtype),)


@dataclass(frozen=True)
class Split(Operator):
    """The input cut along ``axis`` into pieces of ``sizes``; one output each."""

    kind: ClassVar[str] = "split"
    axis: int = 0
    sizes: tuple[int, ...] = ()

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """One piece per size."""
        shape = inputs[0].shape
        require(0 <= self.axis < len(shape), f"axis {self.axis} does not suit shape {shape}")
        require(
            bool(self.sizes) and min(self.sizes) >= 1 and sum(self.sizes) == shape[self.axis],
            f"sizes {self.sizes} do not make up axis {self.axis} of {shape}",
        )
        return tuple(
            TensorType((*shape[: self.axis], size, *shape[self.axis + 1 :]), inputs[0].dtype) for size in self.sizes
        )


@dataclass(frozen=True)
class Slice(Operator):
    """Elements ``starts[i] + k * steps[i]`` along axis i for k below ``sizes[i]``; a negative step runs backwards."""

    kind: ClassVar[str] = "slice"
    starts: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """``sizes``."""
        shape = inputs[0].shape
        require(
            len(self.starts) == len(self.sizes) == len(self.steps) == len(shape),
            f"starts, sizes and steps must have {len(shape)} entries",
        )
        for start, size, step, whole in zip(self.starts, self.sizes, self.steps, shape, strict=True):
            last = start + (size - 1) * step
            require(
                size >= 1 and step != 0 and 0 <= start < whole and 0 <= last < whole,
                f"start {start}, size {size}, step {step} leave an axis of {whole}",
            )
        return (TensorType(self.sizes, inputs[0].dtype),)


@dataclass(frozen=True)
class Gather(Operator):
    """Slices of the first input along ``axis`` at the indices of the second; negative ones count from the end."""

    kind: ClassVar[str] = "gather"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    axis: int = 0

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The indices' shape takes the place of ``axis``."""
        source, indices = inputs
        require(0 <= self.axis < len(source.shape), f"axis {self.axis} does not suit shape {source.shape}")
        require(indices.dtype in (DType.INT32, DType.INT64), f"indices are {indices.dtype.value}, not int32 or int64")
        shape = (*source.shape[: self.axis], *indices.shape, *source.shape[self.axis + 1 :])
        return (TensorType(shape, source.dtype),)


@dataclass(frozen=True)
class Expand(Operator):
    """The input broadcast to ``shape``."""

    kind: ClassVar[str] = "expand"
    shape: tuple[int, ...] = ()

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """``shape``, which the input must broadcast to."""
        require(broadcast(inputs[0].shape, self.shape) == self.shape, f"{inputs[0].shape} does not fill {self.shape}")
        return (TensorType(self.shape, inputs[0].dtype),)


@dataclass(frozen=True)
class Tile(Operator):
    """The input repeated ``repeats[i]`` times along axis i."""

    kind: ClassVar[str] = "tile"
    repeats: tuple[int, ...] = ()

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """Sizes times repeats."""
        shape = inputs[0].shape
        require(
            len(self.repeats) == len(shape) and all(count >= 1 for count in self.repeats),
            f"repeats {self.repeats} do not suit shape {shape}",
        )
        return (TensorType(tuple(s * r for s, r in zip(shape, self.repeats, strict=True)), inputs[0].dtype),)


@dataclass(frozen=True)
class Resize(Operator):
    """Rows and columns of an NHWC image scaled to ``size``.

    ``coordinates`` says where output pixel o of n reads an input of m pixels: ``half_pixel`` (o + 0.5) * m / n - 0.5,
    ``asymmetric`` o * m / n, ``align_corners`` o * (m - 1) / (n - 1). ``method`` is ``nearest`` (``rounding``:
    ``floor``, ``ceil``, ``half_down``, ``half_up``) or ``bilinear``.
    """

    kind: ClassVar[str] = "resize"
    size: tuple[int, int] = (1, 1)
    method: str = "nearest"
    coordinates: str = "half_pixel"
    rounding: str = "half_down"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[n, h, w, c] gives [n, *size, c]."""
        shape = inputs[0].shape
        require(len(shape) == 4, f"input has shape {shape}, NHWC is needed")
        require(self.method in ("nearest", "bilinear"), f"method {self.method!r} is unknown")
        known = ("half_pixel", "asymmetric", "align_corners")
        require(self.coordinates in known, f"coordinates {self.coordinates!r} are unknown")
        require(self.rounding in ("floor", "ceil", "half_down", "half_up"), f"rounding {self.rounding!r} is unknown")
        require(min(self.size) >= 1, f"size {self.size} is empty")
        return (TensorType((shape[0], *self.size, shape[3]), inputs[0].dtype),)
