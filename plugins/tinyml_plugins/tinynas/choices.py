"""A tree of choices: what the spaces have in common, drawing, changing and mixing candidates.

Some choices are always there, others come with a count: a network of two stages has no choices for a third, so that
different candidates are different networks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.search.candidate import Candidate, Choice

Options = tuple[int, ...]
Offer = Mapping[str, Sequence[Choice]]
"""What can be chosen, by name."""


@dataclass(frozen=True)
class Repeat:
    """A choice of how many: the first so many ``items`` bring their choices."""

    name: str
    counts: Options
    items: tuple[Offer, ...]
    """As many as the greatest count."""

    def sizes(self) -> list[int]:
        """How many ways there are to choose the items, for each count."""
        return [math.prod(len(row) for item in self.items[:count] for row in item.values()) for count in self.counts]


@dataclass(frozen=True)
class ChoiceTree:
    """Draws, changes and mixes candidates."""

    always: Offer
    repeats: tuple[Repeat, ...]
    uniform: bool = True
    """Whether all candidates come up equally often; otherwise all counts do, as in once-for-all."""

    @cached_property
    def size(self) -> int:
        """Number of different candidates."""
        rows = math.prod(len(row) for row in self.always.values())
        return rows * math.prod(sum(repeat.sizes()) for repeat in self.repeats)

    def sample(self, rng: np.random.Generator) -> Candidate:
        """A random candidate."""
        counts = {repeat.name: int(rng.choice(repeat.counts, p=self.shares(repeat))) for repeat in self.repeats}
        return self._complete(counts, (), rng)

    def mutate(self, candidate: Candidate, rng: np.random.Generator) -> Candidate:
        """A neighbour: one choice changed; an item gained or lost brings or takes its own choices."""
        choices = dict(candidate.choices)
        free = {name: options for name, options in self.offer(choices).items() if len(options) > 1}
        name = list(free)[rng.integers(len(free))]
        others = [option for option in free[name] if option != choices[name]]
        choices[name] = others[rng.integers(len(others))]
        return self._complete(choices, (choices,), rng)

    def crossover(self, left: Candidate, right: Candidate, rng: np.random.Generator) -> Candidate:
        """A candidate each of whose choices comes from one parent, either with equal probability."""
        parents = (dict(left.choices), dict(right.choices))
        counts = {repeat.name: parents[rng.integers(2)][repeat.name] for repeat in self.repeats}
        return self._complete(counts, parents, rng)

    def contains(self, candidate: Candidate) -> bool:
        """Whether every choice is one that is offered, and none is missing."""
        choices = dict(candidate.choices)
        if any(choices.get(repeat.name) not in repeat.counts for repeat in self.repeats):
            return False
        offer = self.offer(choices)
        return choices.keys() == offer.keys() and all(choices[name] in options for name, options in offer.items())

    def offer(self, choices: Mapping[str, Choice]) -> dict[str, Sequence[Choice]]:
        """Everything there is to choose once the counts are chosen, counts first."""
        found: dict[str, Sequence[Choice]] = {repeat.name: repeat.counts for repeat in self.repeats}
        found |= self.always
        for repeat in self.repeats:
            for item in repeat.items[: int(choices[repeat.name])]:
                found |= item
        return found

    def next_choice(self, made: Mapping[str, Choice]) -> tuple[str, tuple[Choice, ...]] | None:
        """Name and options of the choice that follows those ``made``; None when they are a candidate."""
        for repeat in self.repeats:
            if repeat.name not in made:
                return repeat.name, repeat.counts
        return next(((name, tuple(row)) for name, row in self.offer(made).items() if name not in made), None)

    def shares(self, repeat: Repeat) -> list[float]:
        """How often each count of a repeat is drawn."""
        sizes = repeat.sizes() if self.uniform else [1] * len(repeat.counts)
        return [size / sum(sizes) for size in sizes]

    def _complete(
        self, choices: Mapping[str, Choice], parents: Sequence[Mapping[str, Choice]], rng: np.random.Generator
    ) -> Candidate:
        complete: dict[str, Choice] = {repeat.name: choices[repeat.name] for repeat in self.repeats}
        for name, options in self.offer(complete).items():
            if name in complete:
                continue
            offered = [parent[name] for parent in parents if name in parent] or options
            complete[name] = offered[int(rng.integers(len(offered)))]
        return Candidate.of(complete)


def check_options(
    space: str, rows: Mapping[str, Sequence[float]], *, least: float = 1, odd: tuple[str, ...] = ()
) -> None:
    """Refuse rows of options that describe no space.

    Raises:
        InputError: a row is empty, repeats itself, holds a number below ``least``, or an even one where it is ``odd``.
    """
    for name, row in rows.items():
        if not row or min(row) < least or len(set(row)) < len(row):
            remedy = f"give different numbers from {least:g}"
            raise InputError(f"is {list(row)}", place=f"{space} option {name}", remedy=remedy)
        if name in odd and any(number % 2 == 0 for number in row):
            raise InputError(f"is {list(row)}", place=f"{space} option {name}", remedy="give odd numbers")
