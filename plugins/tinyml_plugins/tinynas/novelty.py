"""Novelty: a strategy proposes every candidate once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tinyml_core.search.candidate import Candidate

ATTEMPTS = 20
"""Children tried before a candidate is drawn at random instead."""


@dataclass
class Novelty:
    """Remembers what was proposed."""

    proposed: set[Candidate] = field(default_factory=set)

    def pick(self, breed: Callable[[], Candidate], sample: Callable[[], Candidate]) -> Candidate:
        """The first new candidate that ``breed`` makes, or, when all it makes is known, whatever ``sample`` draws."""
        for _ in range(ATTEMPTS):
            candidate = breed()
            if candidate not in self.proposed:
                break
        else:
            candidate = sample()
        self.proposed.add(candidate)
        return candidate
