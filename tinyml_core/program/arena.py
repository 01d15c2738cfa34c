"""The arena packer: offsets for blocks that live at overlapping times.

A block is a chain of tensors that start at one offset: its height changes over time. No placement needs less than the
greatest sum of heights at any step (the lower bound); first-fit over several orders usually reaches it, and a seeded
local search over orders closes what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SHUFFLES = 300
"""Orders tried beyond the fixed ones while the lower bound is not reached; dynamic storage allocation is NP-hard."""


class Segment(NamedTuple):
    """``height`` bytes in use from step ``first`` to step ``last`` inclusive."""

    first: int
    last: int
    height: int


@dataclass(frozen=True)
class Block:
    """Something to place: its segments all start at the block's offset, a multiple of ``alignment``."""

    name: str
    segments: tuple[Segment, ...]
    alignment: int

    @property
    def height(self) -> int:
        """Bytes at the tallest moment."""
        return max(segment.height for segment in self.segments)

    @property
    def area(self) -> int:
        """Bytes times steps."""
        return sum(segment.height * (segment.last - segment.first + 1) for segment in self.segments)

    @property
    def span(self) -> tuple[int, int]:
        """First and last step of any segment."""
        return min(s.first for s in self.segments), max(s.last for s in self.segments)


@dataclass(frozen=True)
class Packing:
    """Offsets by block name, the bytes they need, and the bytes no placement can beat."""

    offsets: dict[str, int]
    size: int
    lower_bound: int


def lower_bound(blocks: Sequence[Block]) -> int:
    """The greatest sum of heights at any step."""
    steps = 1 + max((block.span[1] for block in blocks), default=-1)
    heights = np.zeros(steps, np.int64)
    for block in blocks:
        own = np.zeros(steps, np.int64)
        for first, last, height in block.segments:
            np.maximum(own[first : last + 1], height, out=own[first : last + 1])
        heights += own
    return int(heights.max(initial=0))


def pack(blocks: Sequence[Block]) -> Packing:
    """Place blocks as low as found; the same blocks always get the same offsets."""
    bound = lower_bound(blocks)
    orders = [
        sorted(blocks, key=lambda block: (-block.height, block.span, block.name)),
        sorted(blocks, key=lambda block: (-block.area, block.span, block.name)),
        sorted(blocks, key=lambda block: (block.span[0] - block.span[1], -block.height, block.name)),
        sorted(blocks, key=lambda block: (block.span[0], -block.height, block.name)),
    ]
    best, best_size, best_order = _first_fit(orders[0], None)
    for order in orders[1:]:
        if best_size == bound:
            break
        offsets, size, _ = _first_fit(order, best_size)
        if size < best_size:
            best, best_size, best_order = offsets, size, order
    rng = np.random.default_rng(0)
    for _ in range(SHUFFLES if len(blocks) > 1 else 0):
        if best_size == bound:
            break
        order = list(best_order)
        # Bring forward a block that touches the top: it is what makes the arena as tall as it is.
        top = [i for i, block in enumerate(order) if best[block.name] + block.height == best_size]
        moved = order.pop(int(rng.choice(top)))
        order.insert(int(rng.integers(len(order))), moved)
        left, right = rng.integers(len(order), size=2)
        order[left], order[right] = order[right], order[left]
        offsets, size, _ = _first_fit(order, best_size + 1)
        if size <= best_size:
            best, best_size, best_order = offsets, size, order
    return Packing(best, best_size, bound)


def _first_fit(order: Sequence[Block], give_up: int | None) -> tuple[dict[str, int], int, Sequence[Block]]:
    offsets: dict[str, int] = {}
    placed: list[tuple[Block, int]] = []
    size = 0
    for block in order:
        offset = _lowest_offset(block, placed)
        offsets[block.name] = offset
        placed.append((block, offset))
        size = max(size, offset + block.height)
        if give_up is not None and size >= give_up:
            break
    return offsets, size, order


def _lowest_offset(block: Block, placed: Sequence[tuple[Block, int]]) -> int:
    forbidden: list[tuple[int, int]] = []  # open intervals of offsets at which a pair of segments would collide
    for other, at in placed:
        for mine in block.segments:
            for theirs in other.segments:
                if mine.first <= theirs.last and theirs.first <= mine.last:
                    forbidden.append((at - mine.height, at + theirs.height))
    offset = 0
    for low, high in sorted(forbidden):
        if low < offset < high:
            offset = -(-high // block.alignment) * block.alignment
    return offset
