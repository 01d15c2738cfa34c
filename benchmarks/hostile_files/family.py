"""Family: the mutants of one file format, and how the platform reads such a file."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinyml_core.platform import Platform
from tinyml_core.testing.isolation import Limits
from tinyml_core.testing.mutations import BYTE_MUTATIONS, Mutation


@dataclass(frozen=True)
class Family:
    """A format: files that are sound, what is done to them, and the way in."""

    name: str
    file: str
    """Name of the file of a case."""
    sources: tuple[bytes, ...]
    structured: Mapping[str, Mutation]
    """Kinds of damage that know the format, beside those of bytes."""
    open: Callable[[Path, Platform], str]
    """What a command does with such a file; returns what is worth keeping of it."""
    weights: tuple[int, ...] = ()
    """How often each source is taken; evenly when empty."""
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Other files of its folder."""
    limits: Limits = field(default_factory=Limits)
    is_network: bool = False
    """Whether an accepted file can be compiled."""

    def mutant(self, number: int, seed: int) -> tuple[str, bytes]:
        """Kind and bytes of case ``number``: always the same for a seed."""
        rng = random.Random(f"{seed}:{self.name}:{number}")
        source = rng.choices(self.sources, self.weights or None)[0]
        if number % 3 and self.structured:
            kind = rng.choice(sorted(self.structured))
            return kind, self.structured[kind](source, rng)
        kind = rng.choice(sorted(BYTE_MUTATIONS))
        return kind, BYTE_MUTATIONS[kind](source, rng)
