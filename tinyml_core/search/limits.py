"""Limits: hard upper bounds on costs, and what is learnt from the candidates that break them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tinyml_core.errors import CapacityError, InputError
from tinyml_core.search.candidate import Candidate


@dataclass(frozen=True)
class Limits:
    """Greatest allowed value by quantity, such as ``{"sram_bytes": 65536, "macs": 2e6}``.

    Raises:
        InputError: a maximum is not a positive finite number.
    """

    maxima: Mapping[str, float]

    def __post_init__(self) -> None:
        for quantity, maximum in self.maxima.items():
            if not (math.isfinite(maximum) and maximum > 0):
                raise InputError(f"is {maximum}", place=f"limit {quantity}", remedy="give a positive number")

    def excess(self, costs: Mapping[str, float]) -> dict[str, float]:
        """How far each broken limit is exceeded, as a fraction of the limit; empty when the costs are feasible.

        Raises:
            InputError: no cost model told a limited quantity.
        """
        unknown = [quantity for quantity in self.maxima if quantity not in costs]
        if unknown:
            known = ", ".join(sorted(costs)) or "none"
            raise InputError(
                "no cost model tells this quantity", place=f"limit {unknown[0]}", remedy=f"known quantities: {known}"
            )
        return {
            quantity: costs[quantity] / maximum - 1
            for quantity, maximum in self.maxima.items()
            if not costs[quantity] <= maximum
        }


@dataclass
class Rejections:
    """Candidates that broke a limit: how often each limit did, the least values seen, and the nearest miss."""

    limits: Limits
    counts: Counter[str] = field(default_factory=Counter)
    """Rejected candidates by limit; one that breaks two limits counts for both."""
    candidates: int = 0
    least: dict[str, float] = field(default_factory=dict)
    """Least value of each limited quantity over all rejected candidates."""
    nearest: tuple[float, Candidate, Mapping[str, float]] | None = None
    """Worst relative excess, candidate and costs of the one that came closest."""

    def add(self, candidate: Candidate, costs: Mapping[str, float], excess: Mapping[str, float]) -> None:
        """Note a rejected candidate."""
        self.candidates += 1
        self.counts.update(excess.keys())
        for quantity in self.limits.maxima:
            self.least[quantity] = min(costs[quantity], self.least.get(quantity, math.inf))
        worst = max(excess.values())
        if self.nearest is None or worst < self.nearest[0]:
            self.nearest = (worst, candidate, costs)

    def explain(self) -> CapacityError:
        """Why no candidate was feasible: the limit that binds, the least value seen and by how much it misses."""
        assert self.nearest is not None
        maxima, costs = self.limits.maxima, self.nearest[2]
        never = {quantity: least / maxima[quantity] for quantity, least in self.least.items()}
        binding = max(never, key=lambda quantity: never[quantity])
        if never[binding] > 1:
            value = self.least[binding]
            how = f"the least {binding} seen is {value:.0f}, {value - maxima[binding]:.0f} more than allowed"
        else:
            binding = max(maxima, key=lambda quantity: costs[quantity] / maxima[quantity])
            value = costs[binding]
            how = (
                f"each limit was met by some, but the nearest candidate needs {value:.0f} {binding}, "
                f"{value - maxima[binding]:.0f} more than allowed"
            )
        return CapacityError(
            f"none of {self.candidates} candidates is feasible: {how}",
            place=f"limit {binding} = {maxima[binding]:.0f}",
            remedy=f"raise {binding} to at least {math.ceil(value)}, choose a larger target or a smaller search space",
        )
