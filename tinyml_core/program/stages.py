"""Stages: what a network can be cut into, a whole layer or a segment that runs row by row, with what each needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.program.heights import Heights
from tinyml_core.program.program import Segment, progress_bytes
from tinyml_core.program.rings import Flow, readings, simulate
from tinyml_core.program.rows import by_rows, row_bytes, row_count
from tinyml_core.program.schedule import Schedule

LONGEST = 64
"""Most layers of a segment: planning takes time in proportion to it, and rings add up long before."""

Option = tuple[int, Schedule]
"""A schedule, and the bytes it needs beside the ``base`` of its stage."""


@dataclass(frozen=True)
class Stage:
    """Steps ``first`` to ``last`` inclusive; a whole layer where there is no flow."""

    first: int
    last: int
    base: int
    """Bytes alive whatever is chosen."""
    options: Sequence[Sequence[Option]]
    """What each step may be carried out by; steps do not run at once, so the greatest need counts."""
    flow: Flow | None = None
    pushed: bool = False

    @property
    def least(self) -> int:
        """The least height any choice reaches."""
        return self.base + max(min(extra for extra, _ in each) for each in self.options)

    def fastest(self, ceiling: float) -> list[Option]:
        """The fastest options that stay below a ceiling that is not below ``least``."""
        room = ceiling - self.base
        return [
            min((option for option in each if option[0] <= room), key=lambda option: (option[1].cycles, option[0]))
            for each in self.options
        ]

    def cycles(self, ceiling: float) -> float:
        """Estimated cycles of the fastest options below ``ceiling``."""
        return sum(schedule.cycles for _, schedule in self.fastest(ceiling))

    @property
    def segment(self) -> Segment | None:
        """What the program says of it."""
        if self.flow is None:
            return None
        progress = f"progress of {self.flow.source}" if self.pushed else None
        return Segment(self.first, self.last, self.flow.source, self.pushed, self.flow.order(self.last), progress)


class Stages:
    """Every stage of a network."""

    def __init__(self, graph: Graph, offered: Sequence[Sequence[Schedule]]) -> None:
        self.graph = graph
        self.heights = Heights(graph, offered)
        offered = [self._replacing(number, options) for number, options in enumerate(offered)]
        self._whole = [[schedule for schedule in options if not schedule.rows] for options in offered]
        self._rows = [_by_rows(node, graph, options) for node, options in zip(graph.nodes, offered, strict=True)]
        self._readings = [
            readings(node, graph) if options else () for node, options in zip(graph.nodes, self._rows, strict=True)
        ]

    def _replacing(self, number: int, options: Sequence[Schedule]) -> list[Schedule]:
        """The schedules of a step that can write where its outputs have to lie."""
        found = [schedule for schedule in options if self.heights.replaces(number, schedule)]
        if options and not found:
            node = self.graph.nodes[number]
            raise UnsupportedError(
                "cannot replace state in place", place=f"node {node.name!r} ({node.op.kind})",
                remedy="choose another code generator",
            )  # fmt: skip
        return found

    def whole(self, number: int) -> Stage | None:
        """The step as a whole layer; None when its kernels know rows only."""
        options = [(self.heights.whole(number, schedule), schedule) for schedule in self._whole[number]]
        aliases = [option for option in options if option[1].alias]
        return Stage(number, number, 0, [aliases or options]) if options else None

    def segments(self, first: int, *, pushed: bool = False, ceiling: float = float("inf")) -> list[Stage]:
        """The segments that start at step ``first``, the shortest first, as long as ``ceiling`` does not rule them out.

        With ``pushed`` the source keeps only the rows still needed, otherwise it lies in the arena as a whole.
        """
        end = first
        while end < min(len(self._rows), first + LONGEST) and self._readings[end]:
            end += 1
        if end == first:
            return []
        flow = simulate(self.graph, self._readings, first, end - 1)
        closed = self.heights.outside(first, without=flow.source if pushed else None)
        open_tensors = [flow.source] if pushed else []
        found = []
        for last in range(first, end):
            open_tensors += self.graph.nodes[last].outputs
            leaving = [name for name in open_tensors if self.heights.stays(name, last)]
            closed += sum(self.ring_bytes(name, flow) for name in open_tensors if name not in leaving)
            closed += self._rows[last][0][1].state
            open_tensors = leaving
            if closed > ceiling:
                break
            base = closed + sum(self.graph.tensors[name].bytes for name in leaving)
            base += progress_bytes(last - first + 1) if pushed else 0
            found.append(Stage(first, last, base, self._rows[first : last + 1], flow, pushed))
        return found

    def ring_bytes(self, name: str, flow: Flow) -> int:
        """Bytes of the rows of a tensor that are alive at once."""
        return flow.rows[name] * row_bytes(self.graph.tensors[name])

    def ring_rows(self, stage: Stage, name: str) -> int | None:
        """Rows of the ring that a stage keeps a tensor in; None when it lies in the arena as a whole."""
        if stage.flow is None or self.heights.stays(name, stage.last):
            return None
        inside = name in self.graph.producers and self.heights.lifetimes[name].first >= stage.first
        if not inside and not (stage.pushed and name == stage.flow.source):
            return None
        rows = stage.flow.rows[name]
        return rows if rows < row_count(self.graph.tensors[name]) else None


def _by_rows(node: Node, graph: Graph, options: Sequence[Schedule]) -> list[Option]:
    """The schedules by row, by scratch; of those that differ in state the ones with the least compete."""
    known = [schedule for schedule in options if schedule.rows]
    if not known or not by_rows(node, graph):
        return []
    state = min(schedule.state for schedule in known)
    return [(schedule.scratch, schedule) for schedule in known if schedule.state == state]
