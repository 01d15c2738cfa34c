"""Reductions over whole axes; the mean is :class:`~tinyml_core.graph.operators.pooling.Mean`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.tensor import DType, Tensor

FUNCTIONS = ("l1", "l2", "log_sum", "log_sum_exp", "max", "min", "product", "sum", "sum_square")


def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keep_axes: bool) -> tuple[int, ...]:
    """``shape`` without ``axes``, or with them set to 1; raises Broken when they do not suit it."""
    require(
        bool(axes) and len(set(axes)) == len(axes) and all(0 <= axis < len(shape) for axis in axes),
        f"axes {axes} do not suit shape {shape}",
    )
    if keep_axes:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


@dataclass(frozen=True)
class Reduce(Operator):
    """``function`` over ``axes`` (none negative); ``keep_axes`` leaves them behind with size 1."""

    kind: ClassVar[str] = "reduce"
    function: str = "sum"
    axes: tuple[int, ...] = ()
    keep_axes: bool = False

    @property
    def title(self) -> str:
        """The function."""
        return f"reduce_{self.function}"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The reduced shape, the input's type."""
        require(self.function in FUNCTIONS, f"function {self.function!r} is unknown")
        return (TensorType(reduced_shape(inputs[0].shape, self.axes, self.keep_axes), inputs[0].dtype),)


@dataclass(frozen=True)
class ArgReduce(Operator):
    """Position along ``axis`` of the greatest element, or the least; of equals the first, or the last."""

    kind: ClassVar[str] = "arg_reduce"
    axis: int = 0
    least: bool = False
    last: bool = False
    keep_axes: bool = False
    dtype: str = "int64"

    @property
    def title(self) -> str:
        """``argmax`` or ``argmin``."""
        return "argmin" if self.least else "argmax"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The reduced shape in ``dtype``."""
        require(self.dtype in [dtype.value for dtype in DType], f"type {self.dtype!r} is unknown")
        return (TensorType(reduced_shape(inputs[0].shape, (self.axis,), self.keep_axes), DType(self.dtype)),)
