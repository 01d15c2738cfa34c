"""Aging evolution: the oldest network dies, not the worst (Real et al., AAAI 2019, "regularized evolution").

Beside the paper's mutation a child may have two parents (uniform crossover, then mutation). Every candidate is proposed
once; feasibility is the search's business: what is infeasible is never told, so never a parent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import SearchSession
from tinyml_core.errors import InputError
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.result import rank
from tinyml_core.search.trial import Trial
from tinyml_plugins.tinynas.novelty import Novelty


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """Aging evolution.

    Raises:
        InputError: an option is out of range.
    """

    population: int = 10
    """Living networks; a tenth of the evaluations or a little less serves best (a third, below fifty)."""
    tournament: int = 5
    """Networks drawn from the population, of which the best becomes a parent."""
    crossover: float = 0.5
    """Probability that a child has two parents."""

    def __post_init__(self) -> None:
        if not 2 <= self.tournament <= self.population:
            raise InputError(
                f"is {self.tournament} in a population of {self.population}",
                place="evolution option tournament",
                remedy="choose from 2 to the population",
            )
        if not 0 <= self.crossover <= 1:
            raise InputError(
                f"is {self.crossover}", place="evolution option crossover", remedy="choose a probability from 0 to 1"
            )

    def begin(self, space: SearchSpace, rng: np.random.Generator) -> SearchSession:
        """Start a search."""
        return _Session(self, space, rng)


class _Session:
    def __init__(self, options: Evolution, space: SearchSpace, rng: np.random.Generator) -> None:
        self._options, self._space, self._rng = options, space, rng
        self._alive: deque[Trial] = deque(maxlen=options.population)
        self._novelty = Novelty()

    def ask(self) -> Candidate:
        return self._novelty.pick(self._draw, lambda: self._space.sample(self._rng))

    def tell(self, trial: Trial) -> None:
        self._alive.append(trial)

    def _draw(self) -> Candidate:
        if len(self._alive) < self._options.population:
            return self._space.sample(self._rng)
        child = self._parent()
        if self._rng.random() < self._options.crossover:
            child = self._space.crossover(child, self._parent(), self._rng)
        return self._space.mutate(child, self._rng)

    def _parent(self) -> Candidate:
        drawn = self._rng.choice(len(self._alive), self._options.tournament, replace=False)
        return max((self._alive[index] for index in drawn), key=rank).candidate
