"""NSGA-II (Deb et al., IEEE TEC 2002): a population spread along the front of accuracy and costs.

Steady state (Durillo et al., EMO 2009): every trial told enters the population and the worst leaves it, by front and
then by crowding, so that no worker waits for a generation to end. No candidate is proposed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import SearchSession
from tinyml_core.errors import InputError
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.pareto import Points, points_of, ranks
from tinyml_core.search.trial import Trial
from tinyml_plugins.tinynas.novelty import Novelty


@dataclass(frozen=True, kw_only=True)
class NSGA2:
    """NSGA-II.

    Raises:
        InputError: an option is out of range.
    """

    objectives: tuple[str, ...] = ()
    """Costs kept low beside the accuracy; the project's ``search.objectives`` when empty."""
    population: int = 20
    """Living networks."""
    crossover: float = 0.9
    """Probability that a child has two parents."""

    def __post_init__(self) -> None:
        if self.population < 2:
            raise InputError(f"is {self.population}", place="nsga2 option population", remedy="choose at least 2")
        if not 0 <= self.crossover <= 1:
            raise InputError(
                f"is {self.crossover}", place="nsga2 option crossover", remedy="choose a probability from 0 to 1"
            )

    def toward(self, objectives: Sequence[str]) -> Self:
        """The same strategy with these objectives, unless it was given its own."""
        return self if self.objectives else replace(self, objectives=tuple(objectives))

    def begin(self, space: SearchSpace, rng: np.random.Generator) -> SearchSession:
        """Start a search."""
        return _Session(self, space, rng)


class _Session:
    def __init__(self, options: NSGA2, space: SearchSpace, rng: np.random.Generator) -> None:
        self._options, self._space, self._rng = options, space, rng
        self._alive: list[Trial] = []
        self._fitness: list[tuple[int, float]] = []
        self._novelty = Novelty()

    def ask(self) -> Candidate:
        return self._novelty.pick(self._breed, lambda: self._space.sample(self._rng))

    def tell(self, trial: Trial) -> None:
        self._alive.append(trial)
        self._fitness = fitness(points_of(self._alive, self._options.objectives))
        if len(self._alive) > self._options.population:
            worst = max(range(len(self._alive)), key=lambda index: self._fitness[index])
            del self._alive[worst], self._fitness[worst]

    def _breed(self) -> Candidate:
        if len(self._alive) < self._options.population:
            return self._space.sample(self._rng)
        child = self._parent()
        if self._rng.random() < self._options.crossover:
            child = self._space.crossover(child, self._parent(), self._rng)
        return self._space.mutate(child, self._rng)

    def _parent(self) -> Candidate:
        """The fitter of two."""
        left, right = map(int, self._rng.choice(len(self._alive), 2, replace=False))
        return self._alive[left if self._fitness[left] <= self._fitness[right] else right].candidate


def fitness(points: Points) -> list[tuple[int, float]]:
    """Front and negated crowding distance of each point: smaller is fitter."""
    fronts = ranks(points)
    distances = np.zeros(len(points))
    for number in range(fronts.max() + 1):
        members = np.flatnonzero(fronts == number)
        distances[members] = crowding(points[members])
    return [(int(front), -float(distance)) for front, distance in zip(fronts, distances, strict=True)]


def crowding(points: Points) -> NDArray[np.float64]:
    """How far the neighbours of each point of one front lie apart: the sum over objectives, each scaled to its range.

    The ends of an objective are infinitely far from others, so that they are kept.
    """
    distance = np.zeros(len(points))
    for values in points.T:
        order = np.argsort(values, kind="stable")
        ranged = values[order]
        distance[order[[0, -1]]] = np.inf
        if ranged[-1] > ranged[0]:
            distance[order[1:-1]] += (ranged[2:] - ranged[:-2]) / (ranged[-1] - ranged[0])
    return distance
