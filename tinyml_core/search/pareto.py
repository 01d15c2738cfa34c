"""Pareto dominance: which trials no other is better than, with accuracy up and several costs down.

A point dominates another when it is nowhere worse and somewhere better. Points are rows of values to be minimised, of
any scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml_core.errors import InputError
from tinyml_core.search.trial import Trial

Points = NDArray[np.float64]
"""Shape [points, objectives], smaller is better."""


def points_of(trials: Sequence[Trial], objectives: Sequence[str]) -> Points:
    """One row per trial: its error (1 - accuracy), then its costs named by ``objectives``.

    Raises:
        InputError: no cost model told one of them.
    """
    for trial in trials:
        for quantity in objectives:
            if quantity not in trial.costs:
                known = ", ".join(sorted(trial.costs)) or "none"
                raise InputError(
                    "no cost model tells this quantity",
                    place=f"objective {quantity}", remedy=f"known quantities: {known}",
                )  # fmt: skip
    rows = [(1 - trial.accuracy, *(trial.costs[quantity] for quantity in objectives)) for trial in trials]
    return np.array(rows, np.float64).reshape(len(trials), 1 + len(objectives))


def ranks(points: Points) -> NDArray[np.int64]:
    """The front each point lies on, counted from 0 (Deb et al., IEEE TEC 2002); equal points share a front."""
    left, right = points[:, None], points[None]
    dominates: NDArray[np.bool_] = np.all(left <= right, axis=2) & np.any(left < right, axis=2)
    rank = np.full(len(points), -1, np.int64)
    front = 0
    while (open_ := rank < 0).any():
        rank[open_ & ~dominates[open_].any(axis=0)] = front
        front += 1
    return rank


def front(trials: Sequence[Trial], objectives: Sequence[str]) -> tuple[Trial, ...]:
    """The trials that no other dominates, the most accurate first; of equal ones the earliest.

    Raises:
        InputError: no cost model told one of the objectives.
    """
    points = points_of(trials, objectives)
    first: dict[tuple[Any, ...], int] = {}
    for index in np.flatnonzero(ranks(points) == 0):
        first.setdefault(tuple(points[index]), int(index))
    return tuple(trials[first[point]] for point in sorted(first))
