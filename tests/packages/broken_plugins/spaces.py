"""A sound search space and evaluator, and what violates a check of either."""

from __future__ import annotations

from dataclasses import dataclass

from broken_plugins.mutant import mutants
from tinyml_core.api.evaluator import Evaluation
from tinyml_core.search.candidate import Candidate
from tinyml_core.testing.conformance.samples.space import SmallSpace

SMALL = SmallSpace()


@dataclass(frozen=True)
class Small:
    """Sound."""

    size = SMALL.size

    def sample(self, rng):
        return SMALL.sample(rng)

    def mutate(self, candidate, rng):
        return SMALL.mutate(candidate, rng)

    def crossover(self, left, right, rng):
        return SMALL.crossover(left, right, rng)

    def contains(self, candidate):
        return SMALL.contains(candidate)

    def build(self, candidate, sample_shape, classes):
        return SMALL.build(candidate, sample_shape, classes)

    def next_choice(self, made):
        return SMALL.next_choice(made)


class Empty(Small):
    size = 0


class Tolerant(Small):
    def contains(self, candidate):
        return SMALL.contains(Candidate.of({k: v for k, v in candidate.choices if k != "enigma"}))


class Still(Small):
    def mutate(self, candidate, rng):
        return candidate


class Roomy(Small):
    def build(self, candidate, sample_shape, classes):
        return SMALL.build(candidate, sample_shape, classes + 1)


class Tempting(Small):
    def next_choice(self, made):
        following = SMALL.next_choice(made)
        return following and (following[0], (*following[1], 99) if following[0] != "depth" else following[1])


@dataclass(frozen=True)
class Guess:
    """Sound: what the seed says."""

    def evaluate(self, graph, data, seed):
        return Evaluation(self.accuracy(seed))

    def accuracy(self, seed):
        return 1 / (1 + seed)


class Boasting(Guess):
    def accuracy(self, seed):
        return 1.5


class Improving(Guess):
    asked: list[int] = []  # noqa: RUF012 - what all of them share

    def accuracy(self, seed):
        self.asked.append(seed)
        return 1 - 1 / len(self.asked)


MUTANTS = (
    *mutants(
        "search-space",
        {
            "samples-are-candidates": Empty,
            "what-it-does-not-offer-is-no-candidate": Tolerant,
            "neighbours-are-candidates": Still,
            "networks-suit-the-samples": Roomy,
            "choices-lead-to-candidates": Tempting,
        },
    ),
    *mutants("evaluator", {"accuracy-is-a-share": Boasting, "equal-arguments-give-equal-results": Improving}),
)
