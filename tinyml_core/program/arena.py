"""The arena packer: offsets for blocks that live at overlapping times.

A block is a chain of tensors that start at one offset: its height changes over time. No placement needs less than the
greatest sum of heights at any step, gaps of alignment included (the lower bound). First-fit over several orders usually
reaches it; where not, a search packs the tightest moments and first-fit the rest, and a seeded local search over
orders, begun anew again and again, closes the gap.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple

import numpy as np

from tinyml_core.program.skyline import fit

VISITS = 400
"""Decisions of each search below the bound. Dynamic storage allocation is NP-hard."""
CLIMBS = 16
"""Local searches, from the first orders in turn: one ends in a dead end sooner than it finds the way out of it."""
PATIENCE = 100
"""Orders in a row that may bring a local search nothing."""
DETOUR = 3
"""Most blocks that one step of the local search brings forward, each out of the way of the one before."""
TIGHT = (0.95, 0.8, 0.0)
"""Shares of the lower bound: the moments above it are packed by search, the rest around them."""


class Extent(NamedTuple):
    """``height`` bytes in use from step ``first`` to step ``last`` inclusive."""

    first: int
    last: int
    height: int


@dataclass(frozen=True)
class Block:
    """Something to place: its extents all start at the block's offset, a multiple of ``alignment``."""

    name: str
    extents: tuple[Extent, ...]
    alignment: int

    @property
    def height(self) -> int:
        """Bytes at the tallest moment."""
        return max(extent.height for extent in self.extents)

    @property
    def area(self) -> int:
        """Bytes times steps."""
        return sum(extent.height * (extent.last - extent.first + 1) for extent in self.extents)

    @property
    def span(self) -> tuple[int, int]:
        """First and last step of any extent."""
        return min(s.first for s in self.extents), max(s.last for s in self.extents)


@dataclass(frozen=True)
class Packing:
    """Offsets by block name, the bytes they need, and the bytes no placement can beat."""

    offsets: dict[str, int]
    size: int
    lower_bound: int


def lower_bound(blocks: Sequence[Block]) -> int:
    """The greatest sum of heights at any step, with the gaps that alignment forces between them."""
    return max((_least_height(heights, blocks) for heights in _moments(blocks)), default=0)


def _least_height(heights: Mapping[int, int], blocks: Sequence[Block]) -> int:
    """Every block ends where another can begin, a multiple of the least alignment, but for the topmost one."""
    unit = min((blocks[number].alignment for number in heights), default=1)
    gaps = [-height % unit for height in heights.values()]
    return sum(heights.values()) + sum(gaps) - max(gaps, default=0)


def pack(blocks: Sequence[Block], *, thorough: bool = True) -> Packing:
    """Place blocks as low as found; the same blocks always get the same offsets.

    Unless ``thorough`` only first-fit over a few orders is tried.
    """
    bound = lower_bound(blocks)
    packer = _FirstFit(blocks)
    starts = list(_orders(blocks))
    for order in starts:
        packer.attempt(order)
    if thorough and packer.size > bound:
        for order in _tight_orders(blocks, bound):
            packer.attempt(order)
            if packer.size == bound:
                break
        rng = np.random.default_rng(0)
        packer.climb(bound, rng)
        for _, start in zip(range(CLIMBS), cycle(starts), strict=False):
            if packer.size == bound:
                break
            rival = packer.begun(start)
            rival.climb(bound, rng)
            packer = min(packer, rival, key=lambda each: each.size)
    offsets = {block.name: offset for block, offset in zip(blocks, packer.offsets, strict=True)}
    return Packing(offsets, packer.size, bound)


def _orders(blocks: Sequence[Block]) -> Iterator[list[int]]:
    keys: tuple[Callable[[Block], tuple[object, ...]], ...] = (
        lambda block: (-block.height, block.span),
        lambda block: (-block.area, block.span),
        lambda block: (block.span[0] - block.span[1], -block.height),
        lambda block: (block.span[0], -block.height),
    )
    for key in keys:
        yield sorted(range(len(blocks)), key=lambda number: key(blocks[number]))


def _tight_orders(blocks: Sequence[Block], bound: int) -> Iterator[list[int]]:
    """Orders that begin with the blocks of the tightest moments, as a search found them to fit below the bound."""
    moments = _moments(blocks)
    for share in TIGHT:
        tight = dict.fromkeys(
            number for heights in moments if sum(heights.values()) > share * bound for number in heights
        )
        lives = [{at: heights[number] for at, heights in enumerate(moments) if number in heights} for number in tight]
        found = fit(lives, [blocks[number].alignment for number in tight], bound, VISITS)
        if found is not None:
            first = [number for _, number in sorted(zip(found, tight, strict=True))]
            yield first + sorted(set(range(len(blocks))) - set(first), key=lambda n: (-blocks[n].height, n))


def _moments(blocks: Sequence[Block]) -> list[dict[int, int]]:
    """The heights of the blocks alive at each step, by number; steps at which the same is alive count once."""
    steps = 1 + max((block.span[1] for block in blocks), default=-1)
    found: list[dict[int, int]] = [{} for _ in range(steps)]
    for number, block in enumerate(blocks):
        for first, last, height in block.extents:
            for step in range(first, last + 1):
                found[step][number] = max(height, found[step].get(number, 0))
    return [heights for step, heights in enumerate(found) if not step or heights != found[step - 1]]


class _FirstFit:
    """Blocks placed one after the other, each as low as those before it allow; keeps the best order of all."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self.offsets: list[int] = []
        self.size = sys.maxsize
        self.order: list[int] = []
        self.neighbours: list[list[tuple[int, int, int]]] = [
            [
                (number, mine.height, theirs.height)
                for number, other in enumerate(blocks)
                if other is not block
                for mine in block.extents
                for theirs in other.extents
                if mine.first <= theirs.last and theirs.first <= mine.last
            ]
            for block in blocks
        ]
        """For each block those alive at the same time: the other, the height of this one, the height of the other."""

    def begun(self, order: Sequence[int]) -> _FirstFit:
        """Another one of the same blocks, that knows ``order`` only."""
        other = copy(self)
        other.size, other.order = sys.maxsize, []
        other.attempt(order)
        return other

    def attempt(self, order: Sequence[int]) -> None:
        """Place in ``order``, which becomes the best one unless it needs more than the best so far."""
        same = next((place for place, pair in enumerate(zip(order, self.order, strict=False)) if pair[0] != pair[1]), 0)
        offsets = [-1] * len(self.blocks)
        for number in order[:same]:
            offsets[number] = self.offsets[number]
        size = max((offsets[number] + self.blocks[number].height for number in order[:same]), default=0)
        for number in order[same:]:
            block = self.blocks[number]
            offset = 0
            # Open intervals of offsets at which two extents would collide.
            for low, high in sorted(
                (offsets[other] - mine, offsets[other] + theirs)
                for other, mine, theirs in self.neighbours[number]
                if offsets[other] >= 0
            ):
                if low < offset < high:
                    offset = -(-high // block.alignment) * block.alignment
            offsets[number] = offset
            size = max(size, offset + block.height)
            if size > self.size:
                return
        self.offsets, self.size, self.order = offsets, size, list(order)

    def climb(self, bound: int, rng: np.random.Generator) -> None:
        """Local search over orders from the best one, until the bound is reached or nothing is won any more."""
        left = PATIENCE
        while self.size > bound and left:
            before = self.size
            self.attempt(self._detour(rng))
            left = PATIENCE if self.size < before else left - 1

    def _detour(self, rng: np.random.Generator) -> list[int]:
        """The best order, but a block that touches the top comes before one that is in its way.

        So may that one, and the next: what is in the way lives at the same time and was placed before. Half of the
        orders exchange two blocks anywhere besides.
        """
        order = list(self.order)
        top = [number for number in order if self.offsets[number] + self.blocks[number].height == self.size]
        moved = int(rng.choice(top))
        for _ in range(int(rng.integers(1, DETOUR + 1))):
            near = {other for other, _, _ in self.neighbours[moved]}
            places = [place for place, number in enumerate(order[: order.index(moved)]) if number in near]
            if not places:
                break
            place = int(rng.choice(places))
            order.remove(moved)
            order.insert(place, moved)
            moved = order[place + 1]
        if rng.random() < 0.5:
            left, right = rng.integers(len(order), size=2)
            order[left], order[right] = order[right], order[left]
        return order
