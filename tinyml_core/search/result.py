"""SearchResult: what a search found and what it spent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from tinyml_core.search.candidate import Candidate
from tinyml_core.search.pareto import front
from tinyml_core.search.trial import Trial


@dataclass(frozen=True)
class Failure:
    """An evaluation that gave no accuracy; ``number`` counts together with those of the trials."""

    number: int
    candidate: Candidate
    costs: Mapping[str, float]
    reason: str


def rank(trial: Trial) -> tuple[float, float, int]:
    """Sorting key, greater is better: accuracy, then fewer multiply-accumulates, then earlier."""
    return trial.accuracy, -trial.costs.get("macs", math.inf), -trial.number


@dataclass(frozen=True)
class SearchResult:
    """A finished search."""

    trials: tuple[Trial, ...]
    """At least one, in the order they were proposed."""
    failures: tuple[Failure, ...]
    draws: int
    """Proposals taken from the strategy."""
    costed: int
    """Different candidates whose costs were estimated."""
    rejected: Mapping[str, int]
    """Infeasible candidates by the limit they broke; one that breaks two counts for both."""
    ended: Literal["evaluations", "draws", "exhausted"]
    """What stopped it: a bound of the budget, or a space with nothing left to propose."""

    @property
    def evaluated(self) -> int:
        """Evaluations, failed ones included."""
        return len(self.trials) + len(self.failures)

    @property
    def best(self) -> Trial:
        """The most accurate trial; of equals the one with fewer multiply-accumulates, then the earlier."""
        return max(self.trials, key=rank)

    def front(self, objectives: Sequence[str]) -> tuple[Trial, ...]:
        """The trials that no other beats in accuracy and in each of these costs, the most accurate first.

        Raises:
            InputError: no cost model told one of the objectives.
        """
        return front(self.trials, objectives)

    @property
    def history(self) -> tuple[float, ...]:
        """Best accuracy so far, after each trial."""
        return tuple(accumulate((trial.accuracy for trial in self.trials), max))
