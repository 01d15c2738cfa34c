"""A search space from a tree of choices and a builder: what all spaces of this plugin are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from tinyml_core.graph.graph import Graph
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_plugins.tinynas.choices import ChoiceTree
from tinyml_plugins.tinynas.integer_layers import IntegerLayers
from tinyml_plugins.tinynas.layers import Layers


class TreeSpace(ABC):
    """A family of networks; a space says what it offers and writes a candidate's layers."""

    @property
    @abstractmethod
    def tree(self) -> ChoiceTree:
        """What the space offers."""

    @abstractmethod
    def write(self, layers: Layers, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """Write the candidate's network with ``layers``."""

    @property
    def size(self) -> int:
        """Number of different candidates."""
        return self.tree.size

    def sample(self, rng: np.random.Generator) -> Candidate:
        """A random candidate."""
        return self.tree.sample(rng)

    def mutate(self, candidate: Candidate, rng: np.random.Generator) -> Candidate:
        """A neighbour: one choice changed; a stage or block gained or lost brings or takes its own choices."""
        return self.tree.mutate(candidate, rng)

    def crossover(self, left: Candidate, right: Candidate, rng: np.random.Generator) -> Candidate:
        """A candidate each of whose choices comes from one parent, either with equal probability."""
        return self.tree.crossover(left, right, rng)

    def contains(self, candidate: Candidate) -> bool:
        """Whether every choice is one this space offers, and none is missing."""
        return self.tree.contains(candidate)

    def next_choice(self, made: Mapping[str, Choice]) -> tuple[str, tuple[Choice, ...]] | None:
        """Name and options of the choice that follows those ``made``; None when they are a candidate."""
        return self.tree.next_choice(made)

    def build(self, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The untrained float32 graph: input [1, *sample_shape], output [1, classes] logits.

        A candidate that chooses a resolution has it in place of the samples' rows and columns.

        Raises:
            InputError: the space has no networks for samples of that shape, or there are fewer than two classes.
        """
        return self.write(Layers(type(self).__name__), candidate, sample_shape, classes)

    def build_integer(self, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The int8 graph that the bundled passes and quantisers make of :meth:`build`, with placeholder scales.

        Raises:
            InputError: as :meth:`build`.
        """
        return self.write(IntegerLayers(type(self).__name__), candidate, sample_shape, classes)
