"""Loop nests: which element of the input each element of the output is, as loops whose strides are constants.

An operator that arranges elements becomes one :class:`Nest`; neighbouring loops that run on evenly become one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Axis:
    """A loop: step i reads ``i * stride`` elements further on, or ``table[i]`` where steps are uneven."""

    size: int
    stride: int
    table: tuple[int, ...] = ()


@dataclass(frozen=True)
class Nest:
    """Loops over the output from the outermost to the innermost; the first element is the input's at ``offset``."""

    offset: int
    axes: tuple[Axis, ...]

    @property
    def elements(self) -> int:
        """Elements of the output."""
        return math.prod(axis.size for axis in self.axes)

    @property
    def contiguous(self) -> bool:
        """Whether the output is a piece of the input as it lies in memory."""
        return len(self.axes) == 1 and self.axes[0].stride == 1 and not self.axes[0].table


def strides(shape: Sequence[int]) -> list[int]:
    """Elements between neighbours along each axis of a dense tensor."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def nest(axes: Sequence[Axis], offset: int = 0) -> Nest:
    """The nest of as few loops as do it: axes of one step go, even ones join their neighbours; one is left at least."""
    merged: list[Axis] = []
    for axis in axes:
        even = _evened(axis)
        if even.table:
            merged.append(even)
            continue
        offset += 0 if not axis.table else axis.table[0]
        if even.size == 1:
            continue
        if merged and not merged[-1].table and merged[-1].stride == even.size * even.stride:
            merged[-1] = Axis(merged[-1].size * even.size, even.stride)
        else:
            merged.append(even)
    return Nest(offset, tuple(merged) or (Axis(1, 1),))


def _evened(axis: Axis) -> Axis:
    """The axis without its table where its steps turn out even; the table's first entry is then an offset."""
    steps = {after - before for before, after in zip(axis.table, axis.table[1:], strict=False)}
    if not axis.table or len(steps) > 1:
        return axis
    return replace(axis, stride=steps.pop() if steps else 0, table=())
