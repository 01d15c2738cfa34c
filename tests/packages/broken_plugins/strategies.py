"""A sound strategy, random search, and what violates a check of strategies."""

from __future__ import annotations

import random
from dataclasses import dataclass

from broken_plugins.mutant import mutants
from tinyml_core.search.candidate import Candidate


class Session:
    """Samples; broken ones override what they do otherwise."""

    def __init__(self, space, rng):
        self.space, self.rng, self.asked, self.untold = space, rng, 0, 0

    def ask(self):
        self.asked += 1
        self.untold += 1
        return self.proposal()

    def proposal(self):
        return self.space.sample(self.rng)

    def tell(self, trial):
        self.untold = 0


@dataclass(frozen=True)
class RandomSearch:
    """Sound."""

    def begin(self, space, rng):
        return Session(space, rng)


class Wanderer(Session):
    def proposal(self):
        made = dict(super().proposal().choices)
        return Candidate.of(made | {"depth": 99} if self.asked > 110 else made)


class Wandering(RandomSearch):
    """Leaves the space in the end."""

    def begin(self, space, rng):
        return Wanderer(space, rng)


class Repeater(Session):
    def __init__(self, space, rng):
        super().__init__(space, rng)
        self.pool = [space.sample(rng) for _ in range(30)]

    def proposal(self):
        return self.pool[int(self.rng.integers(len(self.pool)))]


class Repeating(RandomSearch):
    """Knows thirty candidates only."""

    def begin(self, space, rng):
        return Repeater(space, rng)


class Sulker(Session):
    def __init__(self, space, rng):
        super().__init__(space, rng)
        self.last = space.sample(rng)

    def proposal(self):
        self.last = self.last if self.untold > 19 else super().proposal()
        return self.last


class Sulking(RandomSearch):
    """Has no idea unless it is told something."""

    def begin(self, space, rng):
        return Sulker(space, rng)


class Collector(Session):
    def __init__(self, space, rng):
        super().__init__(space, rng)
        self.seen = set()

    def proposal(self):
        if len(self.seen) == self.space.size:
            raise IndexError("nothing is left")
        self.seen.add(super().proposal())
        return super().proposal()


class Exhausted(RandomSearch):
    """Fails once it has seen everything."""

    def begin(self, space, rng):
        return Collector(space, rng)


class Gambling(RandomSearch):
    """Draws from the random numbers of the whole process."""

    def begin(self, space, rng):
        random.random()
        return Session(space, rng)


REMEMBERED: set[Candidate] = set()


class Rememberer(Session):
    def proposal(self):
        while (candidate := super().proposal()) in REMEMBERED - set(self.told):
            pass
        return candidate

    def __init__(self, space, rng):
        super().__init__(space, rng)
        self.told = []

    def tell(self, trial):
        super().tell(trial)
        self.told.append(trial.candidate)
        REMEMBERED.add(trial.candidate)
        if trial.number >= 39:
            REMEMBERED.clear()


class Remembering(RandomSearch):
    """Avoids what an earlier search that was stopped has found."""

    def begin(self, space, rng):
        return Rememberer(space, rng)


MUTANTS = mutants(
    "search-strategy",
    {
        "proposals-lie-in-the-space": Wandering,
        "spends-the-budget-within-the-limits": Repeating,
        "goes-on-untold": Sulking,
        "outlives-a-small-space": Exhausted,
        "draws-from-its-generator-alone": Gambling,
        "restarts-from-its-journal": Remembering,
    },
)
