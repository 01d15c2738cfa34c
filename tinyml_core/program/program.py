"""Program: the steps of a network in order, and where every buffer lies.

The arena holds inputs, outputs, intermediate tensors and scratch; offsets are bytes from its start. ``arena_bytes`` is
what the generated C declares, byte for byte; ``lower_bound`` is what no placement of these buffers can beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule

Objective = Literal["latency", "sram"]
InputMode = Literal["resident", "rows"]
"""Whether the input lies in the arena as a whole or the caller writes one row after the other."""


@dataclass(frozen=True)
class Buffer:
    """Bytes of the arena, alive from step ``first`` to step ``last`` inclusive.

    Holds one ``tensor``, or the scratch or the state of one step (``tensor`` is None). An operator that works in place
    gives its output a buffer at the offset of its input's; ``shares`` names the first buffer of such a chain. A ring
    holds only ``rows`` rows of its tensor: row y lies in slot y modulo ``rows``.
    """

    name: str
    tensor: str | None
    size: int
    alignment: int
    first: int
    last: int
    offset: int
    region: str
    shares: str | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Step:
    """One node carried out by one kernel.

    ``scratch`` names the buffer the kernel works in, ``state`` the one it keeps from row to row, if any.
    """

    node: Node
    schedule: Schedule
    scratch: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class Segment:
    """Steps ``first`` to ``last`` inclusive, run row by row as the rows of the tensor ``source`` arrive.

    ``order`` has one entry for each event: ARRIVAL for the next row of ``source``, otherwise the step, counted from
    ``first``, that computes its next row. ``pushed``: the caller writes the rows of ``source`` one at a time, and
    ``progress`` names the buffer that keeps the place in between (:func:`progress_bytes`); otherwise they all lie in
    the arena from the start.
    """

    first: int
    last: int
    source: str
    pushed: bool
    order: tuple[int, ...]
    progress: str | None = None


ARRIVAL = -1
"""The event of a segment's order at which a row of its source is there."""


def progress_bytes(steps: int) -> int:
    """Bytes that keep the place in a pushed segment: an int32 for its order, one for each step and for the source."""
    return 4 * (steps + 2)


@dataclass(frozen=True, eq=False)
class Program:
    """A planned network."""

    graph: Graph
    profile: HardwareProfile
    objective: Objective
    region: str
    steps: tuple[Step, ...]
    buffers: tuple[Buffer, ...]
    segments: tuple[Segment, ...]
    arena_bytes: int
    arena_alignment: int
    lower_bound: int

    def buffer_of(self, tensor: str) -> Buffer:
        """The buffer that holds a variable tensor; raises KeyError for constants."""
        return self._by_tensor[tensor]

    def buffer(self, name: str) -> Buffer:
        """The buffer of that name; raises KeyError when there is none."""
        return self._by_name[name]

    def live_bytes(self, step: int) -> int:
        """Bytes that hold something while ``step`` runs; what operators share counts once."""
        heights: dict[str, int] = {}
        for buffer in self.buffers:
            if buffer.first <= step <= buffer.last:
                chain = buffer.shares or buffer.name
                heights[chain] = max(heights.get(chain, 0), buffer.size)
        return sum(heights.values())

    def segment_of(self, step: int) -> Segment | None:
        """The segment that a step is part of; None for a layer that runs as a whole."""
        return next((segment for segment in self.segments if segment.first <= step <= segment.last), None)

    @property
    def binding_step(self) -> int:
        """The step that needs the most memory, the first of equals."""
        return max(range(len(self.steps)), key=self.live_bytes, default=0)

    @cached_property
    def _by_tensor(self) -> dict[str, Buffer]:
        return {buffer.tensor: buffer for buffer in self.buffers if buffer.tensor is not None}

    @cached_property
    def _by_name(self) -> dict[str, Buffer]:
        return {buffer.name: buffer for buffer in self.buffers}

    @property
    def cycles(self) -> float:
        """Estimated cycles of one inference, summed over the chosen schedules."""
        return sum(step.schedule.cycles for step in self.steps)

    @property
    def constant_bytes(self) -> int:
        """Bytes of constants in flash, summed over the chosen schedules."""
        return sum(step.schedule.flash for step in self.steps)
