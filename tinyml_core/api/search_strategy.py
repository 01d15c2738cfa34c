"""Search strategies: how to choose the next candidate.

A strategy proposes (*ask*) and hears results (*tell*). The core runs the evaluations, in parallel and possibly
elsewhere, checks every limit, and tells results in the order of the proposals, so that a search is reproducible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, runtime_checkable

import numpy as np

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.trial import Trial


class SearchSession(Protocol):
    """One search under way."""

    def ask(self) -> Candidate:
        """Propose a candidate; it may turn out infeasible or seen before, and then its trial is not told."""
        ...

    def tell(self, trial: Trial) -> None:
        """Hear a finished trial, in the order of the proposals."""
        ...


@runtime_checkable
class SearchStrategy(Protocol):
    """A way to search; its options are its fields."""

    def begin(self, space: SearchSpace, rng: np.random.Generator) -> SearchSession:
        """Start a search; every random choice is drawn from ``rng``."""
        ...


@runtime_checkable
class ParetoStrategy(SearchStrategy, Protocol):
    """A strategy that keeps several costs low beside the accuracy."""

    def toward(self, objectives: Sequence[str]) -> Self:
        """The same strategy with these quantities to minimise, unless its options name others."""
        ...
