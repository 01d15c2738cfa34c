"""Elitist evolution as in Once-for-all (Cai et al., ICLR 2020): the best networks ever seen are the parents.

Generations of mutants and crossovers are bred from the best quarter. Unlike the released code, which draws until it
finds a feasible child and so never ends on limits that cannot be met, feasibility is the search's business, and no
candidate is proposed twice.
"""

from __future__ import annotations

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
class OnceForAll:
    """Elitist evolution.

    Raises:
        InputError: an option is out of range.
    """

    population: int = 20
    """Networks of a generation; the paper's 100 is random search up to a hundred evaluations."""
    parents: float = 0.25
    """Share of the population that breeds."""
    mutation: float = 0.5
    """Probability that a child is a mutant of one parent; otherwise it is a crossover of two."""

    def __post_init__(self) -> None:
        if self.population < 2:
            raise InputError(f"is {self.population}", place="ofa option population", remedy="choose at least 2")
        for name in ("parents", "mutation"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"is {getattr(self, name)}", place=f"ofa option {name}", remedy="choose a number from 0 to 1"
                )

    def begin(self, space: SearchSpace, rng: np.random.Generator) -> SearchSession:
        """Start a search."""
        return _Session(self, space, rng)


class _Session:
    def __init__(self, options: OnceForAll, space: SearchSpace, rng: np.random.Generator) -> None:
        self._options, self._space, self._rng = options, space, rng
        self._parents: list[Trial] = []
        self._generation: list[Trial] = []
        self._novelty = Novelty()

    def ask(self) -> Candidate:
        return self._novelty.pick(self._breed, lambda: self._space.sample(self._rng))

    def tell(self, trial: Trial) -> None:
        self._generation.append(trial)
        if len(self._generation) == self._options.population:
            elite = max(2, round(self._options.parents * self._options.population))
            self._parents = sorted(self._parents + self._generation, key=rank, reverse=True)[:elite]
            self._generation = []

    def _breed(self) -> Candidate:
        if not self._parents:
            return self._space.sample(self._rng)
        left, right = (self._parents[index].candidate for index in self._rng.choice(len(self._parents), 2, False))
        if self._rng.random() < self._options.mutation:
            return self._space.mutate(left, self._rng)
        return self._space.crossover(left, right, self._rng)
