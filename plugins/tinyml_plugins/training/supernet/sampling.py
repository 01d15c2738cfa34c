"""Which networks a step trains: the sandwich rule, and what progressive shrinking leaves free."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.errors import InputError
from tinyml_core.search.candidate import Candidate
from tinyml_plugins.training.supernet.bounds import Bounds
from tinyml_plugins.training.supernet.recipe import SupernetRecipe

ATTEMPTS = 100
"""Samples that may turn out to be no network once what is not free yet is put back."""


@dataclass(frozen=True)
class Sandwich:
    """The smallest and some random networks; the largest, which teaches them, is in every step (Yu and Huang, 2019)."""

    space: SearchSpace
    bounds: Bounds
    recipe: SupernetRecipe

    def networks(self, step: int, seed: int) -> list[Candidate]:
        """The networks beside the largest; they depend on nothing but the arguments.

        Raises:
            InputError: a phase of the shrinking leaves no network but the largest.
        """
        rng, free = np.random.default_rng((seed, step)), self.free(step)
        if free is None:
            return [self.bounds.smallest, *(self.space.sample(rng) for _ in range(self.recipe.networks))]
        smallest = self.restricted(self.bounds.smallest, free)
        found = [] if smallest is None else [smallest]
        for _ in range(ATTEMPTS):
            if len(found) == 1 + self.recipe.networks:
                return found
            drawn = self.restricted(self.space.sample(rng), free)
            if drawn is not None:
                found.append(drawn)
        raise InputError(
            f"{', '.join(free)} alone can hardly be chosen in this space",
            place="shrinking", remedy=f"name parts of its choices: {', '.join(dict(self.bounds.largest.choices))}",
        )  # fmt: skip

    def free(self, step: int) -> tuple[str, ...] | None:
        """Words in the names of the choices that are free at a step; None when all are."""
        phases = self.recipe.shrinking
        phase = step * (len(phases) + 1) // self.recipe.steps
        return None if phase == len(phases) else tuple(word for words in phases[: phase + 1] for word in words)

    def restricted(self, candidate: Candidate, free: tuple[str, ...]) -> Candidate | None:
        """``candidate`` with what is not free as in the largest network; None when that is no network."""
        own, most = dict(candidate.choices), dict(self.bounds.largest.choices)
        for names in (own, most):
            chosen = {
                name: own[name] if name in own and any(word in name for word in free) else most.get(name, own.get(name))
                for name in names
            }
            made = Candidate.of({name: choice for name, choice in chosen.items() if choice is not None})
            if self.space.contains(made):
                return made
        return None
