"""Budget: how much a search may spend."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tinyml_core.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Bounds that end every search, feasible problem or not.

    Raises:
        InputError: a bound is below 1.
    """

    evaluations: int
    """Evaluations, failed ones included."""
    draws: int = 10_000
    """Proposals taken from the strategy, infeasible and repeated ones included."""
    window: int = 8
    """Evaluations that may be pending when the next candidate is proposed.

    It bounds how many workers can be busy, and is a number of its own so that the search does not depend on theirs.
    """

    def __post_init__(self) -> None:
        for bound in fields(self):
            if getattr(self, bound.name) < 1:
                raise InputError(
                    f"is {getattr(self, bound.name)}", place=f"budget {bound.name}", remedy="it must be at least 1"
                )
