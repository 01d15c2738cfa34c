"""A row of ``benchmarks/search.py`` and ``benchmarks/training.py``: what was measured beside what is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure; nothing is asked where both bounds are None."""

    subject: str
    figure: str
    measured: float
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def ok(self) -> bool | None:
        """Whether the figure is within what is asked; None where nothing is."""
        if self.at_most is None and self.at_least is None:
            return None
        above = self.at_least is None or self.measured >= self.at_least
        return above and (self.at_most is None or self.measured <= self.at_most)
