"""Search spaces: families of networks as data plus a builder."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from tinyml_core.graph.graph import Graph
from tinyml_core.search.candidate import Candidate


@runtime_checkable
class SearchSpace(Protocol):
    """A family of networks."""

    @property
    def size(self) -> int:
        """Number of different candidates."""
        ...

    def sample(self, rng: np.random.Generator) -> Candidate:
        """A candidate drawn uniformly."""
        ...

    def mutate(self, candidate: Candidate, rng: np.random.Generator) -> Candidate:
        """A neighbour that differs in at least one choice."""
        ...

    def crossover(self, left: Candidate, right: Candidate, rng: np.random.Generator) -> Candidate:
        """A candidate each of whose choices comes from one parent."""
        ...

    def contains(self, candidate: Candidate) -> bool:
        """Whether every choice is one this space offers."""
        ...

    def build(self, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The untrained float32 graph: input [1, *sample_shape], output [1, classes] logits, parameters zero."""
        ...
