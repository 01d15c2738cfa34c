"""Broadcasting as loops: sizes, and how far each operand steps in each loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Loop(NamedTuple):
    """``size`` steps; operand i moves on by ``strides[i]`` elements with each, by 0 where it is broadcast."""

    size: int
    strides: tuple[int, ...]


def broadcast_loops(output: Sequence[int], shapes: Sequence[Sequence[int]]) -> list[Loop]:
    """The loops over an output of operands of ``shapes``, outermost first; axes that step alike are one loop."""
    loops: list[Loop] = []
    for axis, size in enumerate(output):
        if size == 1:
            continue
        loop = Loop(size, tuple(_stride(shape, axis - len(output)) for shape in shapes))
        if loops and loops[-1].strides == tuple(stride * size for stride in loop.strides):
            loop = Loop(loops.pop().size * size, loop.strides)
        loops.append(loop)
    return loops or [Loop(1, (0,) * len(shapes))]


def _stride(shape: Sequence[int], axis: int) -> int:
    """Elements from one index to the next along ``axis``, counted from the end."""
    if -axis > len(shape) or shape[axis] == 1:
        return 0
    return math.prod(shape[len(shape) + axis + 1 :])


def subscript(loops: Sequence[Loop], operand: int) -> str:
    """C expression of an operand's element number within the loops."""
    terms = [
        f"i{number}" if loop.strides[operand] == 1 else f"i{number} * {loop.strides[operand]}"
        for number, loop in enumerate(loops)
        if loop.strides[operand]
    ]
    return " + ".join(terms) or "0"
