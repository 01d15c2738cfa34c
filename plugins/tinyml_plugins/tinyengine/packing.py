"""Packing: filters in the order in which the functions of ``tinyml_filters.h`` read them.

The taps of a window form *runs*, each contiguous in memory. Groups of four taps of a run come first, in the order 0, 2,
1, 3 in which SXTB16 splits a word; what is left over of each run is either a group that reaches back into the last one,
or, where that takes fewer taps, gathered singly behind the groups of all runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GROUP = 4
"""Taps that are widened together; windows are padded to a multiple of it."""


@dataclass(frozen=True)
class Window:
    """A window of ``runs`` times ``length`` taps."""

    runs: int
    length: int

    @property
    def groups(self) -> int:
        """Whole groups of a run."""
        return self.length // GROUP

    @property
    def _rest(self) -> int:
        return self.length % GROUP

    @property
    def back(self) -> int:
        """Taps of the last group of a run that were already in the group before; 0: there is no such group."""
        worth = self.runs * GROUP == _padded(self.runs * self._rest)
        return GROUP - self._rest if self._rest and self.groups and worth else 0

    @property
    def loose(self) -> list[tuple[int, int]]:
        """(run, tap of the run) that are gathered singly."""
        if self.back:
            return []
        return [(run, tap) for run in range(self.runs) for tap in range(self.groups * GROUP, self.length)]

    @property
    def order(self) -> list[int]:
        """Taps of the filter by place in the column; -1: a zero."""
        order = []
        for run in range(self.runs):
            for group in range(self.groups):
                first = run * self.length + group * GROUP
                order += [first, first + 2, first + 1, first + 3]
            if self.back:
                last = [-1] * self.back + list(range((run + 1) * self.length - self._rest, (run + 1) * self.length))
                order += [last[0], last[2], last[1], last[3]]
        order += [run * self.length + tap for run, tap in self.loose]
        return order + [-1] * (_padded(len(order)) - len(order))

    @property
    def grouped(self) -> int:
        """Places of a column before the loose taps."""
        return self.runs * GROUP * (self.groups + (self.back > 0))

    @property
    def depth(self) -> int:
        """Places of a column."""
        return self.grouped + _padded(len(self.loose))


def pack(
    filters: npt.NDArray[np.int8],
    order: list[int],
    before: npt.NDArray[np.integer],
    behind: npt.NDArray[np.integer],
    *,
    wide: bool = False,
) -> npt.NDArray[np.uint32]:
    """Words of ``filters`` [channels, taps], an even number of them.

    A pair of filters has its words ``before`` [pairs, words], its taps in ``order``, and its words ``behind``. A word
    of taps holds two taps of two filters, ``[a[k], b[k], a[k+1], b[k+1]]``: two SXTB16 make it a pair of int16 for
    each. ``wide`` weights are such pairs already.
    """
    ordered = np.pad(filters, ((0, 0), (0, 1)))[:, order].reshape(len(filters) // 2, 2, len(order) // 2, 2)
    pairs = ordered.astype(np.int16).transpose(0, 2, 1, 3) if wide else ordered.transpose(0, 2, 3, 1)
    taps = np.ascontiguousarray(pairs).reshape(len(pairs), -1).view(np.uint32)
    around = [np.ascontiguousarray(part, np.int32).view(np.uint32) for part in (before, behind)]
    return np.concatenate([around[0], taps, around[1]], axis=1).reshape(-1)


def _padded(taps: int) -> int:
    return -(-taps // GROUP) * GROUP
