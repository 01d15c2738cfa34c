"""Space selection: which of many spaces to search, before anything is trained (Lin et al., NeurIPS 2020, section 3.1).

What fits a microcontroller and computes more is, trained to convergence, usually more accurate. So the space whose
networks within the limits have the greatest mean of multiply-accumulates is chosen. The mean alone favours spaces in
which next to nothing fits: a share of the networks has to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinyml_core.errors import CapacityError
from tinyml_core.search.candidate import Choice
from tinyml_core.search.survey import Amounts, Survey

QUANTILES = (10, 50, 90)
"""Percentiles told of each space."""


@dataclass(frozen=True)
class Capacity:
    """What there is for arena and constants, in bytes: limits less what the rest of a firmware takes."""

    sram_bytes: int
    flash_bytes: int
    macs: float = np.inf


@dataclass(frozen=True, eq=False)
class SurveyedCell:
    """A space with what its networks cost."""

    options: Mapping[str, Choice]
    survey: Survey
    capacity: Capacity

    @cached_property
    def feasible_macs(self) -> Amounts:
        """Multiply-accumulates of the networks within the limits, sorted."""
        fits = np.all([amounts <= limit for _, amounts, limit in self._limited()], axis=0)
        return np.sort(self.survey.macs[fits])

    @property
    def feasible(self) -> float:
        """Share of the networks that are within the limits."""
        return len(self.feasible_macs) / len(self.survey.macs)

    @property
    def mean(self) -> float:
        """Mean multiply-accumulates of those; 0 where there is none."""
        return float(self.feasible_macs.mean()) if len(self.feasible_macs) else 0.0

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Percentiles :data:`QUANTILES` of those."""
        macs = self.feasible_macs
        return tuple(float(value) for value in np.percentile(macs, QUANTILES)) if len(macs) else (0.0,) * len(QUANTILES)

    @property
    def nearest(self) -> tuple[str, int, int]:
        """Of the network that breaks its worst limit by the least share: that limit's name, the need, the limit."""
        limited = self._limited()
        shares = np.array([amounts / limit for _, amounts, limit in limited])
        number = int(shares.max(axis=0).argmin())
        name, amounts, limit = limited[int(shares[:, number].argmax())]
        return name, int(amounts[number]), int(limit)

    def _limited(self) -> list[tuple[str, Amounts, float]]:
        survey, capacity = self.survey, self.capacity
        found: list[tuple[str, Amounts, float]] = [
            ("sram_bytes", survey.arena_bytes, capacity.sram_bytes),
            ("flash_bytes", survey.constant_bytes, capacity.flash_bytes),
        ]
        return found + ([("macs", survey.macs, capacity.macs)] if np.isfinite(capacity.macs) else [])


def told(options: Mapping[str, Choice]) -> str:
    """Options in one line."""
    return ", ".join(f"{name} {value}" for name, value in options.items())


def ranked(cells: Sequence[SurveyedCell], least_feasible: float) -> list[SurveyedCell]:
    """The spaces in which at least that share of the networks is within the limits, the best first.

    Raises:
        CapacityError: there is none; names the limit that binds and by how much, or the share that was reached.
    """
    found = sorted((cell for cell in cells if cell.feasible >= least_feasible), key=lambda cell: -cell.mean)
    if found and found[0].mean:
        return found
    best = max(cells, key=lambda cell: cell.feasible)
    if best.feasible:
        raise CapacityError(
            f"at most {best.feasible:.1%} of a space's networks are within the limits ({told(best.options)})",
            place=f"least share {least_feasible:.1%} in {len(cells)} spaces",
            remedy="lower the share, choose a larger target or smaller spaces",
        )
    nearest = min(cells, key=lambda cell: cell.nearest[1] / cell.nearest[2])
    name, need, limit = nearest.nearest
    samples = sum(len(cell.survey.macs) for cell in cells)
    raise CapacityError(
        f"none of {samples} networks in {len(cells)} spaces is feasible: the nearest ({told(nearest.options)}) needs "
        f"{need} {name}, {need - limit} more than allowed",
        place=f"limit {name} = {limit}",
        remedy=f"raise {name} by at least {need - limit}, choose a larger target or smaller spaces",
    )
