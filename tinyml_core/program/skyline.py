"""The skyline search: do blocks fit below a target at all?

Every placement can be pushed down until each block rests on the ground or on another one, so blocks are placed from the
bottom up: at the lowest moment of the skyline either one of the blocks alive then is put there, or the moment is left
as it is until something beside it has grown, which wastes bytes. A moment whose bytes are all needed rules most of this
out; where the search is cut off nothing is proved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

Life = Mapping[int, int]
"""Bytes of a block at each moment at which it is alive."""

RESTARTS = 6
"""Searches, each with another preference."""

_Undo = Callable[[], None]
_Decision = Callable[[], _Undo]


def fit(lives: Sequence[Life], alignments: Sequence[int], target: int, visits: int) -> list[int] | None:
    """Offsets of blocks that all end at or below ``target``; None when searches of ``visits`` decisions find none."""
    rng = np.random.default_rng(0)
    area = np.array([float(sum(life.values())) for life in lives])
    for restart in range(RESTARTS):
        liking = -area * (1 - 0.9 * rng.random(len(lives)) * (restart > 0))
        ranks = np.empty(len(lives), np.int64)
        ranks[np.argsort(liking, kind="stable")] = np.arange(len(lives))
        found = _Skyline(lives, alignments, target, ranks.tolist()).search(visits)
        if found is not None:
            return found
    return None


class _Skyline:
    def __init__(self, lives: Sequence[Life], alignments: Sequence[int], target: int, ranks: Sequence[int]) -> None:
        self.lives, self.alignments, self.target, self.ranks = lives, alignments, target, ranks
        moments = sorted({moment for life in lives for moment in life})
        self.level = dict.fromkeys(moments, 0)
        self.top = dict.fromkeys(moments, -1)
        self.rest = {moment: sum(life.get(moment, 0) for life in lives) for moment in moments}
        self.waiting: frozenset[int] = frozenset()
        self.offsets: dict[int, int] = {}
        by_rank = sorted(range(len(lives)), key=lambda block: ranks[block])
        self.alive = {moment: [block for block in by_rank if moment in lives[block]] for moment in moments}

    def search(self, visits: int) -> list[int] | None:
        """Depth first; the stack holds what undoes each decision and the decisions not tried in its place."""
        stack: list[tuple[_Undo, list[_Decision]]] = []
        ahead = self._decisions()
        for _ in range(visits):
            if len(self.offsets) == len(self.lives):
                return [self.offsets[block] for block in range(len(self.lives))]
            while not ahead:
                if not stack:
                    return None
                undo, ahead = stack.pop()
                undo()
            stack.append((ahead.pop()(), ahead))
            ahead = self._decisions()
        return None

    def _decisions(self) -> list[_Decision]:
        """What can be done at the lowest moment, the best last."""
        open_moments = [moment for moment, rest in self.rest.items() if rest and moment not in self.waiting]
        if not open_moments:
            return []
        lowest = min(open_moments, key=lambda moment: (self.level[moment], -self.rest[moment], moment))
        found: list[_Decision] = [
            self._placing(block, offset)
            for block in self.alive[lowest]
            if block not in self.offsets and (offset := self._offset(block, lowest)) is not None
        ]
        if self.level[lowest] + self.rest[lowest] < self.target:
            found.append(lambda: self._wait(lowest))
        return found[::-1]

    def _offset(self, block: int, moment: int) -> int | None:
        """Where a block may be put upon the skyline at ``moment``."""
        life = self.lives[block]
        ground = self.level[moment]
        if any(self.level[each] > ground for each in life):
            return None
        below = self.top[moment]
        if below >= 0 and self.ranks[below] > self.ranks[block] and self.lives[below].keys() == life.keys():
            return None  # the same two the other way round are tried as well
        offset = -(-ground // self.alignments[block]) * self.alignments[block]
        return offset if all(offset + self.rest[each] <= self.target for each in life) else None

    def _placing(self, block: int, offset: int) -> _Decision:
        return lambda: self._place(block, offset)

    def _place(self, block: int, offset: int) -> _Undo:
        life = self.lives[block]
        before = {moment: (self.level[moment], self.top[moment]) for moment in life}
        waiting, self.waiting = self.waiting, frozenset()
        self.offsets[block] = offset
        for moment, height in life.items():
            self.level[moment], self.top[moment] = offset + height, block
            self.rest[moment] -= height

        def undo() -> None:
            del self.offsets[block]
            self.waiting = waiting
            for moment, height in life.items():
                self.level[moment], self.top[moment] = before[moment]
                self.rest[moment] += height

        return undo

    def _wait(self, moment: int) -> _Undo:
        waiting = self.waiting
        self.waiting = waiting | {moment}

        def undo() -> None:
            self.waiting = waiting

        return undo
