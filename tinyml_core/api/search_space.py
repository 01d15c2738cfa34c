"""Search spaces: families of networks as data plus a builder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from tinyml_core.graph.graph import Graph
from tinyml_core.search.candidate import Candidate, Choice


@runtime_checkable
class SearchSpace(Protocol):
    """A family of networks."""

    @property
    def size(self) -> int:
        """Number of different candidates."""
        ...

    def sample(self, rng: np.random.Generator) -> Candidate:
        """A random candidate; every one can come up."""
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
        """The untrained float32 graph: input [1, *sample_shape], output [1, classes] logits, parameters zero.

        A candidate that chooses the resolution of its images has it in place of the samples' rows and columns.
        """
        ...


@runtime_checkable
class StepwiseSpace(SearchSpace, Protocol):
    """A family whose candidates can be made choice by choice, as samplers of other libraries make them."""

    def next_choice(self, made: Mapping[str, Choice]) -> tuple[str, tuple[Choice, ...]] | None:
        """Name and options of the choice that follows those ``made``; None when they are a candidate.

        A name has the same options wherever it comes up.
        """
        ...
