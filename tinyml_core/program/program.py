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


@dataclass(frozen=True)
class Buffer:
    """Bytes of the arena, alive from step ``first`` to step ``last`` inclusive.

    Holds one ``tensor``, or the scratch of one step (``tensor`` is None). An operator that works in place gives its
    output a buffer at the offset of its input's; ``shares`` names the first buffer of such a chain.
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
