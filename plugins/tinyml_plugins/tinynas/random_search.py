"""Random search: the baseline every strategy has to beat (Li and Talwalkar, UAI 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import SearchSession
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.trial import Trial


@dataclass(frozen=True, kw_only=True)
class RandomSearch:
    """Draws candidates uniformly."""

    def begin(self, space: SearchSpace, rng: np.random.Generator) -> SearchSession:
        """Start a search."""
        return _Session(space, rng)


@dataclass(frozen=True)
class _Session:
    space: SearchSpace
    rng: np.random.Generator

    def ask(self) -> Candidate:
        return self.space.sample(self.rng)

    def tell(self, trial: Trial) -> None:
        """Learns nothing."""
