"""Program: the steps of a network in order, and where every buffer lies.

The arena holds inputs, outputs, intermediate tensors and scratch; offsets are bytes from its start. ``arena_bytes`` is
what the generated C declares, byte for byte; ``lower_bound`` is what no placement of these buffers can beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule

Objective = Literal["latency", "sram"]


@dataclass(frozen=True)
class Buffer:
    """Bytes of the arena, alive from step ``first`` to step ``last`` inclusive.

    Holds ``tensors`` one after the other when operators work in place, or the scratch of one step (no tensors).
    """

    name: str
    tensors: tuple[str, ...]
    size: int
    alignment: int
    first: int
    last: int
    offset: int
    region: str


@dataclass(frozen=True)
class Step:
    """One node carried out by one kernel; ``scratch`` names the buffer the kernel works in, if any."""

    node: Node
    schedule: Schedule
    scratch: str | None = None


@dataclass(frozen=True, eq=False)
class Program:
    """A planned network."""

    graph: Graph
    profile: HardwareProfile
    objective: Objective
    region: str
    steps: tuple[Step, ...]
    buffers: tuple[Buffer, ...]
    arena_bytes: int
    arena_alignment: int
    lower_bound: int

    def buffer_of(self, tensor: str) -> Buffer:
        """The buffer that holds a variable tensor; raises KeyError for constants."""
        for buffer in self.buffers:
            if tensor in buffer.tensors:
                return buffer
        raise KeyError(tensor)

    def buffer(self, name: str) -> Buffer:
        """The buffer of that name."""
        return next(buffer for buffer in self.buffers if buffer.name == name)

    @property
    def cycles(self) -> float:
        """Estimated cycles of one inference, summed over the chosen schedules."""
        return sum(step.schedule.cycles for step in self.steps)

    @property
    def constant_bytes(self) -> int:
        """Bytes of constants in flash, summed over the chosen schedules."""
        return sum(step.schedule.flash for step in self.steps)
