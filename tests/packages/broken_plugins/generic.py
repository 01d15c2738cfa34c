"""What violates a check of every component; search strategies where the kind does not matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from broken_plugins.data import Thirds, shuffled
from broken_plugins.mutant import Mutant
from broken_plugins.strategies import RandomSearch, Session
from tinyml_core.component import Component


@dataclass(frozen=True)
class Talkative(RandomSearch):
    def __post_init__(self):
        print("imported")


@dataclass
class Thawed:
    patience: int = 3
    """What it waits for."""

    def begin(self, space, rng):
        return Session(space, rng)


@dataclass(frozen=True)
class HalfPatient(RandomSearch):
    patience: int = 2.5  # type: ignore[assignment]
    """What it waits for."""


@dataclass(frozen=True)
class Silent(RandomSearch):
    patience: int = 3


@dataclass(frozen=True)
class Irritable(RandomSearch):
    patience: int = 3
    """What it waits for."""

    def __post_init__(self):
        {True: None}[self.patience >= 0]


class Mute:
    """Lacks ``begin``."""


@dataclass(frozen=True)
class Fickle(Thirds):
    def load(self, seed):
        COUNT.append(seed)
        return shuffled(super().load(seed), np.random.default_rng(len(COUNT)))


COUNT: list[int] = []


def _mutant(check, component, kind="search-strategy"):
    return Mutant(check, kind, component, "component")


MUTANTS = (
    _mutant("name-is-kebab-case", Component("Not_Kebab", RandomSearch, "a name of another style")),
    _mutant("name-is-not-a-bundled-one", Component("random", RandomSearch, "a name that is taken")),
    _mutant("summary-is-one-line", Component("talkative", RandomSearch, "two\nlines")),
    _mutant("pickles-by-name", Component("anonymous", lambda: RandomSearch(), "has no address")),
    _mutant("satisfies-its-protocol", Component("mute", Mute, "cannot begin")),
    _mutant("is-made-quietly", Component("chatty", Talkative, "prints when it is made")),
    _mutant("options-are-frozen", Component("thawed", Thawed, "options that change")),
    _mutant("options-have-defaults", Component("half-patient", HalfPatient, "a default of another type")),
    _mutant("options-are-documented", Component("silent", Silent, "an option that nobody explains")),
    _mutant("odd-options-are-refused-by-name", Component("irritable", Irritable, "a KeyError below zero")),
    _mutant("same-seed-gives-the-same-answer", Component("fickle", Fickle, "shuffles as it likes"), "dataset"),
)
