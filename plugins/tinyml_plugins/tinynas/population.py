"""Random networks of a space as arrays of choices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tinyml_core.search.candidate import Candidate
from tinyml_plugins.tinynas.choices import ChoiceTree

Indices = npt.NDArray[np.intp]


class Population:
    """``count`` candidates drawn as :meth:`ChoiceTree.sample` draws them.

    ``chosen`` holds for every name the place of the choice among its options; items beyond a count are drawn too, and
    mean nothing.
    """

    def __init__(self, tree: ChoiceTree, count: int, rng: np.random.Generator) -> None:
        self._tree = tree
        self.count = count
        self.chosen: dict[str, Indices] = {}
        for repeat in tree.repeats:
            self.chosen[repeat.name] = rng.choice(len(repeat.counts), count, p=tree.shares(repeat))
        for item in (tree.always, *(item for repeat in tree.repeats for item in repeat.items)):
            for name, options in item.items():
                self.chosen[name] = rng.integers(len(options), size=count)

    def candidate(self, number: int) -> Candidate:
        """One of them."""
        counts = {repeat.name: repeat.counts[self.chosen[repeat.name][number]] for repeat in self._tree.repeats}
        offer = self._tree.offer(counts)
        return Candidate.of({name: options[self.chosen[name][number]] for name, options in offer.items()})

    def counts(self) -> Mapping[str, Indices]:
        """How many items each repeat has."""
        return {repeat.name: np.array(repeat.counts)[self.chosen[repeat.name]] for repeat in self._tree.repeats}
