"""A study of Optuna as a search strategy: the sampler suggests, the platform evaluates.

The study lives in memory: what a search has paid for is kept by the platform's journal, and a resumed search is the
same study told the same results again. A proposal that is infeasible or repeats another is never told, and stays
unfinished in the study, which samplers leave out of account.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import optuna

from tinyml_core.api.search_space import SearchSpace, StepwiseSpace
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_core.search.trial import Trial

ATTEMPTS = 20
"""Suggestions taken before one that was made before is given up, and a random candidate proposed."""


@dataclass(frozen=True, kw_only=True)
class Optuna:
    """One of Optuna's samplers.

    Raises:
        InputError: the sampler is unknown, or takes other options.
    """

    sampler: str = "TPESampler"
    """A class of ``optuna.samplers``."""
    options: dict[str, Any] = field(default_factory=dict)
    """Its arguments; ``seed`` is the search's."""
    pareto: bool = False
    """Whether the project's ``search.objectives`` are minimised beside the accuracy."""
    objectives: tuple[str, ...] = ()
    """Costs to minimise, when others than the project's."""

    def __post_init__(self) -> None:
        self.create(0)

    def create(self, seed: int) -> optuna.samplers.BaseSampler:
        known = {
            name: one
            for name, one in vars(optuna.samplers).items()
            if isinstance(one, type) and issubclass(one, optuna.samplers.BaseSampler) and name != "BaseSampler"
        }
        if self.sampler not in known:
            raise InputError(
                f"is {self.sampler!r}", place="optuna option sampler", remedy=f"choose from {', '.join(sorted(known))}"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            try:
                return known[self.sampler](**{"seed": seed, **self.options})
            except (TypeError, ValueError, ImportError) as error:
                raise InputError(
                    f"{self.sampler} cannot be made: {error}",
                    place="optuna option options", remedy="see Optuna's documentation of this sampler",
                ) from None  # fmt: skip

    def toward(self, objectives: Sequence[str]) -> Self:
        return replace(self, objectives=tuple(objectives)) if self.pareto and not self.objectives else self

    def begin(self, space: SearchSpace, rng: np.random.Generator) -> Session:
        """Start a study.

        Raises:
            UnsupportedError: the space does not tell its choices.
        """
        if not isinstance(space, StepwiseSpace):
            raise UnsupportedError(
                f"the search space {type(space).__name__} does not tell its choices one by one",
                place="search strategy 'optuna'", remedy="use a space with next_choice, or another strategy",
            )  # fmt: skip
        return Session(self, space, rng)


class Session:
    def __init__(self, options: Optuna, space: StepwiseSpace, rng: np.random.Generator) -> None:
        self._space, self._rng, self._objectives = space, rng, options.objectives
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            sampler=options.create(int(rng.integers(2**31))),
            directions=["maximize", *("minimize" for _ in options.objectives)],
        )
        self._asked: dict[Candidate, optuna.Trial] = {}

    def ask(self) -> Candidate:
        for _ in range(ATTEMPTS):
            suggestion = self._study.ask()
            made: dict[str, Choice] = {}
            while choice := self._space.next_choice(made):
                name, options = choice
                made[name] = suggestion.suggest_categorical(name, options)
            candidate = Candidate.of(made)
            if candidate not in self._asked:
                self._asked[candidate] = suggestion
                return candidate
            self._study.tell(suggestion, state=optuna.trial.TrialState.FAIL)
        return self._space.sample(self._rng)

    def tell(self, trial: Trial) -> None:
        missing = [quantity for quantity in self._objectives if quantity not in trial.costs]
        if missing:
            raise InputError("no cost model tells this quantity", place=f"objective {missing[0]}")
        values = [trial.accuracy, *(trial.costs[quantity] for quantity in self._objectives)]
        suggestion = self._asked.get(trial.candidate)
        if suggestion is not None:  # a random candidate is nobody's suggestion
            self._study.tell(suggestion, values)
