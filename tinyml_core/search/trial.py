"""Trial: a candidate, what it costs and how well it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyml_core.search.candidate import Candidate


@dataclass(frozen=True)
class Trial:
    """A finished evaluation; ``number`` counts evaluations from 0 in the order they were proposed."""

    number: int
    candidate: Candidate
    costs: Mapping[str, float]
    accuracy: float
