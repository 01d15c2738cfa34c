"""Operators that move elements and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.tensor import Tensor


@dataclass(frozen=True)
class Pad(Operator):
    """Surround each axis with (before, after) elements.

    ``mode`` says with what: ``constant`` the real number ``value`` (quantised as the tensor is), ``reflect`` mirrored
    without the edge, ``symmetric`` mirrored with it, ``edge`` the edge repeated, ``wrap`` the other end.
    """

    kind: ClassVar[str] = "pad"
    padding: tuple[tuple[int, int], ...] = ()
    mode: str = "constant"
    value: float = 0.0

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """Each axis grows by its padding."""
        shape = inputs[0].shape
        require(len(self.padding) == len(shape), f"padding for {len(self.padding)} axes, input has {len(shape)}")
        require(all(min(pair) >= 0 for pair in self.padding), "padding cannot be negative")
        require(self.mode in ("constant", "reflect", "symmetric", "edge", "wrap"), f"mode {self.mode!r} is unknown")
        reach = {"reflect": 1, "symmetric": 0, "wrap": 0}.get(self.mode)
        if reach is not None:
            for size, pair in zip(shape, self.padding, strict=True):
                require(max(pair) <= size - reach, f"padding {pair} reaches beyond an axis of {size}")
        grown = tuple(size + before + after for size, (before, after) in zip(shape, self.padding, strict=True))
        return (TensorType(grown, inputs[0].dtype),)


@dataclass(frozen=True)
class Reshape(Operator):
    """The same elements under another shape; ``shape`` has no wildcard."""

    kind: ClassVar[str] = "reshape"
    shape: tuple[int, ...] = ()

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """Elements stay."""
        require(
            math.prod(self.shape) == inputs[0].elements and all(size >= 0 for size in self.shape),
            f"{inputs[0].shape} cannot become {self.shape}: the number of elements differs",
        )
        return (TensorType(self.shape, inputs[0].dtype),)
