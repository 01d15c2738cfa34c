"""Candidate: one point of a search space, as plain data that can be journaled and compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

Choice = int | float | str | bool


@dataclass(frozen=True)
class Candidate:
    """Choices by name, kept in the order of the names so that equal candidates are equal objects."""

    choices: tuple[tuple[str, Choice], ...]

    @classmethod
    def of(cls, choices: Mapping[str, Choice]) -> Candidate:
        """The candidate with these choices."""
        return cls(tuple(sorted(choices.items())))

    def __getitem__(self, name: str) -> Choice:
        return dict(self.choices)[name]

    @property
    def key(self) -> str:
        """A short hash of the choices: the same in every process and version."""
        return hashlib.sha256(json.dumps(self.choices).encode()).hexdigest()[:16]
