"""The planner of changes: what a variant of a network would need under a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tinyml_core.errors import CapacityError, UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.compilation import STACK_RESERVE, CompileOptions, plan_for
from tinyml_core.program.program import Program

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

BOUNDLESS = 1 << 30
"""Bytes of SRAM of a part on which everything fits."""
AS_IT_IS: Mapping[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Bytes that a network may use, and what it uses beside its plan."""

    sram: int
    flash: int
    static: int = 0
    stack: int = STACK_RESERVE
    code: int | None = None
    """None where no code has been generated; then flash counts constants only."""
    tables: int = 0
    """Constants in the binary beyond those of the plan."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change and what the network would need after it; ``cycles`` is the ratio to what the planner says of it now."""

    title: str
    detail: str
    flags: str
    """What to type, where there is something."""
    retrain: bool
    sram: int
    flash: int
    cycles: float
    fits: bool


class FittingPlanner:
    """Plans of variants of one network for one target under one budget."""

    def __init__(self, platform: Platform, options: CompileOptions, budget: Budget, profile: HardwareProfile) -> None:
        self.platform, self.budget, self.profile = platform, budget, profile
        region = profile.region(options.region) if options.region else profile.largest("sram")
        arena = min(budget.sram - budget.static - budget.stack, region.size - STACK_RESERVE)
        sram = max(arena, 1) + STACK_RESERVE
        self.options = replace(options, sram=sram)
        self.whole = budget.sram == region.size and budget.flash == profile.largest("flash").size
        """Whether the budget is all that the target has."""
        self.limit = "" if budget.sram >= region.size else f"--sram {sram + budget.static}"
        """What to type for the budget of SRAM; nothing where it is all of the region."""
        self.cycles = 1.0

    def fitting(self, graph: Graph, options: Mapping[str, Any] = AS_IT_IS) -> Program | None:
        """The plan within the budget of SRAM; None where there is none."""
        return self._plan(graph, self.profile, replace(self.options, **options))

    def least(self, graph: Graph, options: Mapping[str, Any] = AS_IT_IS) -> Program:
        """The plan of the lowest SRAM that is not much slower than the fastest, however large."""
        regions = tuple(
            replace(region, size=max(region.size, BOUNDLESS)) if region.kind == "sram" else region
            for region in self.profile.regions
        )
        chosen = replace(
            self.options, region=self.options.region or self.profile.largest("sram").name, sram=None, objective="sram"
        )
        return plan_for(graph, replace(self.profile, regions=regions), replace(chosen, **options), self.platform)

    def elsewhere(self, graph: Graph, profile: HardwareProfile) -> Program | None:
        """The plan for another target; None where there is none."""
        return self._plan(graph, profile, replace(self.options, sram=None, region=None))

    def _plan(self, graph: Graph, profile: HardwareProfile, options: CompileOptions) -> Program | None:
        try:
            return plan_for(graph, profile, options, self.platform)
        except CapacityError:
            return None

    def needs(self, program: Program) -> tuple[int, int]:
        """Bytes of SRAM and flash."""
        beside = self.budget
        sram = program.arena_bytes + beside.static + beside.stack
        return sram, program.constant_bytes + beside.tables + (beside.code or 0)

    def holds(self, graph: Graph | None, options: Mapping[str, Any]) -> bool:
        """Whether a variant can be had and fits."""
        try:
            program = self.fitting(graph, options) if graph is not None else None
        except UnsupportedError:
            return False
        return program is not None and self._within(program)

    def _within(self, program: Program) -> bool:
        sram, flash = self.needs(program)
        return sram <= self.budget.sram and flash <= self.budget.flash

    def change(
        self, title: str, detail: str, flags: str, graph: Graph, options: Mapping[str, Any] = AS_IT_IS,
        *, retrain: bool = False,
    ) -> Change | None:  # fmt: skip
        """A variant as a change; None where the generator cannot carry it out or its input cannot come in rows."""
        try:
            program = self.fitting(graph, options) or self.least(graph, options)
        except UnsupportedError:
            return None
        return self.told(title, detail, f"{flags} {self.limit}", program, fits=self._within(program), retrain=retrain)

    def told(
        self, title: str, detail: str, flags: str, program: Program, *, fits: bool, retrain: bool = False
    ) -> Change:
        """A plan as a change."""
        sram, flash = self.needs(program)
        return Change(
            title=title, detail=detail, flags=flags.strip(), retrain=retrain, sram=sram, flash=flash,
            cycles=round(program.cycles / self.cycles, 4), fits=fits,
        )  # fmt: skip
