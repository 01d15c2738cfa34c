"""The planner: cuts a network into stages, chooses a schedule for every node and a place for every buffer.

A stage is a whole layer or a segment that runs row by row over rings. What a stage needs follows from its own steps, so
one ceiling decides everything: each stage takes the fastest schedules that stay below it, and a dynamic program takes
the fastest stages. ``latency`` runs whole layers as long as they fit the budget; ``sram`` sets the ceiling just above
the lowest that plans reach which are not much slower.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

from tinyml_core.errors import CapacityError, UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.cuts import fastest, least_peak
from tinyml_core.program.layout import Layout, lay_out
from tinyml_core.program.program import InputMode, Objective, Program
from tinyml_core.program.rows import row_count
from tinyml_core.program.schedule import Schedule
from tinyml_core.program.stages import Stage, Stages

Candidates = Callable[[Node], Sequence[Schedule]]

ATTEMPTS = 8
"""Ceilings tried below a budget that holds what is alive but not the gaps between it."""
SLOWDOWN = 1.2
"""By how much ``sram`` may exceed the estimated cycles of the fastest plan, unless the budget asks for more."""
SLACK = 1.01
"""By how much ``sram`` may exceed the least height where that saves cycles: the last bytes are the dearest."""


def plan(
    graph: Graph,
    profile: HardwareProfile,
    candidates: Candidates,
    *,
    objective: Objective = "latency",
    budget: int | None = None,
    region: str | None = None,
    input_mode: InputMode = "resident",
) -> Program:
    """Plan ``graph`` for ``profile``.

    ``budget`` is the greatest arena allowed, in bytes; ``region`` the memory region of the arena (the largest SRAM by
    default); ``input_mode`` says whether the input lies in the arena as a whole or comes row by row.

    Raises:
        CapacityError: no plan keeps the arena within the budget; names the binding step.
        UnsupportedError: a schedule aliases a constant, the input cannot come row by row, or ``candidates`` offers no
            way through the network.
    """
    stages = Stages(graph, [list(candidates(node)) for node in graph.nodes])
    place = profile.region(region) if region else profile.largest("sram")
    search = _Search(stages, input_mode, place.name)
    layout = search.small() if objective == "sram" else None
    if layout is None or (budget is not None and layout.packing.size > budget):
        layout = search.within(budget)
    if budget is not None and layout.packing.size > budget:
        raise CapacityError(
            f"the arena needs {layout.packing.size} bytes, {layout.packing.size - budget} more than the {budget} "
            "available",
            place=f"node {layout.binding.node.name!r} ({layout.binding.node.op.kind})",
            remedy="choose a smaller network or a larger target" + ", or --input rows" * (input_mode == "resident"),
        )
    return layout.program(graph, profile, objective, place.name)


def least_bytes(graph: Graph, candidates: Candidates, *, input_mode: InputMode = "resident") -> int:
    """The bytes alive at the tallest moment of the smallest plan: its lower bound, without placing anything.

    Raises:
        UnsupportedError: a schedule aliases a constant, or the input cannot come row by row.
    """
    search = _Search(Stages(graph, [list(candidates(node)) for node in graph.nodes]), input_mode, "")
    return int(search.lowest())


class _Search:
    """Plans of one network under different ceilings."""

    def __init__(self, stages: Stages, input_mode: InputMode, region: str) -> None:
        self.stages, self.region = stages, region
        self.steps = len(stages.graph.nodes)
        self.whole: list[list[Stage]] = []
        for number in range(self.steps):
            stage = stages.whole(number)
            self.whole.append([stage] if stage else [])
        if input_mode == "rows":
            self.whole[0:1] = [_pushed(stages)]
        self.pushed = input_mode == "rows"

    def within(self, budget: int | None) -> Layout:
        """The fastest plan whose arena stays within ``budget``, or else the least."""
        layout = self._below(self.whole, math.inf)
        if budget is None or (layout is not None and layout.packing.size <= budget):
            return layout or self.least()
        every = self._every()
        ceiling = budget
        for _ in range(ATTEMPTS):
            layout = self._below(every, ceiling)
            if layout is None:
                break
            if layout.packing.size <= budget:
                return layout
            ceiling = min(max(layout.heights), ceiling) - 1
        return self.least()

    def small(self) -> Layout:
        """The fastest plan near the least height of those not slower than the fastest by more than :data:`SLOWDOWN`."""
        every = self._every()
        allowed = SLOWDOWN * self._cycles(self.whole, math.inf)
        low = least_peak(every, self.steps)
        if self._cycles(every, low) > allowed:
            heights = {
                stage.base + extra for own in every for stage in own for each in stage.options for extra, _ in each
            }
            ceilings = sorted(height for height in heights if height >= low)
            low = ceilings[bisect_left(ceilings, True, key=lambda ceiling: self._cycles(every, ceiling) <= allowed)]
        return self._surely_below(every, SLACK * low)

    def least(self) -> Layout:
        """The fastest plan of those with the least height."""
        every = self._every()
        return self._surely_below(every, least_peak(every, self.steps))

    def lowest(self) -> float:
        """The least height of any plan."""
        return least_peak(self._every(), self.steps)

    def _every(self) -> list[list[Stage]]:
        """Whole layers and the segments that are not taller than the least that whole layers reach."""
        ceiling = least_peak(self.whole, self.steps)
        return [
            own if first == 0 and self.pushed else own + self.stages.segments(first, ceiling=ceiling)
            for first, own in enumerate(self.whole)
        ]

    def _cycles(self, stages: Sequence[Sequence[Stage]], ceiling: float) -> float:
        found = fastest(stages, self.steps, ceiling)
        return math.inf if found is None else sum(stage.cycles(ceiling) for stage in found)

    def _surely_below(self, stages: Sequence[Sequence[Stage]], ceiling: float) -> Layout:
        layout = self._below(stages, ceiling)
        if layout is None:
            raise UnsupportedError(
                "its layers are not offered as a whole, nor all of a segment by row",
                place=f"network {self.stages.graph.name!r}",
                remedy="choose another code generator",
            )
        return layout

    def _below(self, stages: Sequence[Sequence[Stage]], ceiling: float) -> Layout | None:
        found = fastest(stages, self.steps, ceiling)
        return None if found is None else lay_out(self.stages, found, ceiling, self.region)


def _pushed(stages: Stages) -> list[Stage]:
    """The segments a network can begin with whose rows the caller writes one at a time."""
    graph = stages.graph
    remedy = "compile it with --input resident"
    if len(graph.inputs) != 1:
        raise UnsupportedError(
            f"has {len(graph.inputs)} inputs, and only a single one can come row by row",
            place=f"network {graph.name!r}", remedy=remedy,
        )  # fmt: skip
    source = graph.tensors[graph.inputs[0]]
    if row_count(source) < 2:
        raise UnsupportedError(
            f"has shape {list(source.shape)} and so no rows that could come one by one",
            place=f"input {source.name!r}", remedy=remedy,
        )  # fmt: skip
    found = [stage for stage in stages.segments(0, pushed=True) if stage.flow and stage.flow.source == source.name]
    if not found:
        place = f"node {graph.nodes[0].name!r} ({graph.nodes[0].op.kind})" if graph.nodes else f"network {graph.name!r}"
        raise UnsupportedError("cannot take the input row by row", place=place, remedy=remedy)
    return found
