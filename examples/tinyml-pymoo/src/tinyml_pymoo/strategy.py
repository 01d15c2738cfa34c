"""An algorithm of pymoo as a search strategy: pymoo selects, the search space samples, mates and mutates.

pymoo works in generations, the platform asks for one candidate after the other and never tells those that are
infeasible. So a generation is handed out, and when it is used up pymoo is told the results that have come in; late ones
count for the next generation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Self

import numpy as np
from pymoo.core.evaluator import Evaluator
from pymoo.core.individual import Individual
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.termination import NoTermination
from pymoo.problems.static import StaticProblem

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.errors import InputError
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.pareto import points_of
from tinyml_core.search.trial import Trial
from tinyml_pymoo.operators import SameCandidate, SpaceCrossover, SpaceMutation, SpaceSampling

ALGORITHMS = {
    "NSGA2": "pymoo.algorithms.moo.nsga2",
    "SMSEMOA": "pymoo.algorithms.moo.sms",
    "GA": "pymoo.algorithms.soo.nonconvex.ga",
}
"""Algorithms by class name, each with its module: those that breed, and whose seed decides everything."""
SINGLE_OBJECTIVE = ("GA",)
"""Those that know no second objective, and maximise the accuracy alone."""


@dataclass(frozen=True, kw_only=True)
class Pymoo:
    """One of pymoo's algorithms.

    Raises:
        InputError: an option is out of range.
    """

    algorithm: str = "NSGA2"
    """NSGA2, SMSEMOA or GA."""
    population: int = 20
    """Living networks."""
    objectives: tuple[str, ...] = ()
    """Costs kept low beside the accuracy; the project's ``search.objectives`` when empty."""

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise InputError(
                f"is {self.algorithm!r}", place="pymoo option algorithm", remedy=f"choose from {', '.join(ALGORITHMS)}"
            )
        if self.population < 2:
            raise InputError(f"is {self.population}", place="pymoo option population", remedy="choose at least 2")

    def toward(self, objectives: Sequence[str]) -> Self:
        if self.objectives or self.algorithm in SINGLE_OBJECTIVE:
            return self
        return replace(self, objectives=tuple(objectives))

    def begin(self, space: SearchSpace, rng: np.random.Generator) -> Session:
        return Session(self, space, rng)


class Session:
    def __init__(self, options: Pymoo, space: SearchSpace, rng: np.random.Generator) -> None:
        self._space, self._rng, self._objectives = space, rng, options.objectives
        self._problem = Problem(n_var=1, n_obj=1 + len(options.objectives))
        self._algorithm: Any = getattr(import_module(ALGORITHMS[options.algorithm]), options.algorithm)(
            pop_size=options.population,
            sampling=SpaceSampling(space, rng), crossover=SpaceCrossover(space, rng),
            mutation=SpaceMutation(space, rng), eliminate_duplicates=SameCandidate(),
        )  # fmt: skip
        self._algorithm.setup(self._problem, termination=NoTermination(), seed=int(rng.integers(2**31)))
        self._proposed: dict[Candidate, Individual] = {}
        self._generation: list[Individual] = list(self._algorithm.ask())
        self._told: list[Trial] = []

    def ask(self) -> Candidate:
        while True:
            if not self._generation:
                self._generation = self._next_generation()
            individual = self._generation.pop(0)
            candidate: Candidate = individual.X[0]
            if candidate not in self._proposed or not self._generation:
                self._proposed.setdefault(candidate, individual)
                return candidate

    def tell(self, trial: Trial) -> None:
        self._told.append(trial)

    def _next_generation(self) -> list[Individual]:
        if len(self._told) >= 2:  # a mating takes two
            heard = Population.create(*(self._proposed[trial.candidate] for trial in self._told))
            values = points_of(self._told, self._objectives)
            Evaluator().eval(StaticProblem(self._problem, F=values), heard)
            self._algorithm.tell(infills=heard)
            self._told = []
        offspring = self._algorithm.ask() if self._algorithm.is_initialized else None
        if offspring is None or len(offspring) == 0:  # nothing is known yet, or nothing new is near
            offspring = Population.new("X", self._sampled())
        return list(offspring)

    def _sampled(self) -> Any:
        return SpaceSampling(self._space, self._rng)._do(self._problem, self._algorithm.pop_size)
