"""Fitting: whether a network fits a microcontroller, and what would make it fit, each change really planned."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.fitting_changes import changes, savings
from tinyml_core.pipeline.fitting_planner import Budget, Change, FittingPlanner
from tinyml_core.program.program import Program

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

WANTED = 3
"""Changes that are told of a network that does not fit."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Whether a network fits: what it needs, what it may use and what would change it."""

    fits: bool
    sram: int
    flash: int
    budget: Budget
    changes: tuple[Change, ...]
    """Of a network that does not fit the first ones that make it fit; of one that does those that save SRAM."""
    rejected: tuple[Change, ...]
    """What was planned too, and is not enough."""
    problem: str = ""
    """Why nothing could be planned, where the plugin that generated a binary is not there, or not as it was."""

    def report(self) -> dict[str, Any]:
        """The stable object that ``--json`` prints."""
        return asdict(self)


def fit(
    graph: Graph,
    profile: HardwareProfile,
    options: CompileOptions,
    platform: Platform,
    budget: Budget,
    *,
    needs: tuple[int, int] | None = None,
) -> Fit:
    """Hold ``graph``, as it would be compiled with ``options``, against ``budget``.

    ``needs`` are the bytes of SRAM and flash of its binary, where there is one; otherwise they are planned.

    Raises:
        UnsupportedError: the generator cannot carry out an operator.
    """
    planner = FittingPlanner(platform, options, budget, profile)
    current = planner.fitting(graph) or planner.least(graph)
    planner.cycles = max(current.cycles, 1.0)
    sram, flash = needs or planner.needs(current)
    if sram <= budget.sram and flash <= budget.flash:
        less = tuple(change for change in savings(planner, graph) if change.sram < sram)
        return Fit(fits=True, sram=sram, flash=flash, budget=budget, changes=less, rejected=())
    found: list[Change] = []
    rejected: list[Change] = []
    for change in changes(planner, graph, built=needs is not None):
        (found if change.fits else rejected).append(change)
        if len(found) == WANTED:
            break
    return Fit(fits=False, sram=sram, flash=flash, budget=budget, changes=tuple(found), rejected=tuple(rejected))


def planned(
    graph: Graph, profile: HardwareProfile, options: CompileOptions, platform: Platform, *, sram: int | None = None
) -> Program:
    """The program that ``graph`` is compiled to, or where it does not fit the plan of the lowest SRAM.

    Raises:
        UnsupportedError: the generator cannot carry out an operator.
    """
    region = profile.region(options.region) if options.region else profile.largest("sram")
    planner = FittingPlanner(platform, options, Budget(sram=sram or region.size, flash=0), profile)
    return planner.fitting(graph) or planner.least(graph)
