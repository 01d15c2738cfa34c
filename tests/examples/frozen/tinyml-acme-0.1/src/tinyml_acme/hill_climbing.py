"""Hill climbing with restarts: mutate the best network found so far, and start afresh once that stops helping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.trial import Trial


@dataclass(frozen=True, kw_only=True)
class HillClimbing:
    """Hill climbing."""

    patience: int = 16
    """Proposals without an improvement after which the climb starts again elsewhere."""

    def begin(self, space: SearchSpace, rng: np.random.Generator) -> Climb:
        return Climb(space, rng, self.patience)


class Climb:
    def __init__(self, space: SearchSpace, rng: np.random.Generator, patience: int) -> None:
        self._space, self._rng, self._patience = space, rng, patience
        self._peak: Trial | None = None
        self._stalled = 0

    def ask(self) -> Candidate:
        if self._stalled >= self._patience:
            self._peak, self._stalled = None, 0
        self._stalled += 1
        return self._space.mutate(self._peak.candidate, self._rng) if self._peak else self._space.sample(self._rng)

    def tell(self, trial: Trial) -> None:
        if self._peak is None or trial.accuracy > self._peak.accuracy:
            self._peak, self._stalled = trial, 0
