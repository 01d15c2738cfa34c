"""The planner: chooses a schedule for every node and a place for every buffer.

A step's memory is what is alive around it plus what its schedule adds: an output of its own unless it works in place,
and scratch. Choices at different steps do not interfere, so one ceiling decides them all: each step takes the fastest
schedule that stays below it. ``latency`` sets the ceiling at the budget, ``sram`` at the least any choice can reach.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tinyml_core.errors import CapacityError, UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.arena import Block, Packing, Segment, pack
from tinyml_core.program.liveness import Lifetime, lifetimes
from tinyml_core.program.program import Buffer, Objective, Program, Step
from tinyml_core.program.schedule import Schedule

Candidates = Callable[[Node], Sequence[Schedule]]


def plan(
    graph: Graph,
    profile: HardwareProfile,
    candidates: Candidates,
    *,
    objective: Objective = "latency",
    budget: int | None = None,
    region: str | None = None,
) -> Program:
    """Plan ``graph`` for ``profile``.

    ``budget`` is the greatest arena allowed, in bytes; ``region`` the memory region of the arena (the largest SRAM by
    default).

    Raises:
        CapacityError: no choice of schedules keeps the arena within the budget; names the binding step.
        UnsupportedError: a schedule aliases a constant.
    """
    offered = {node.name: tuple(candidates(node)) for node in graph.nodes}
    place = profile.region(region) if region else profile.largest("sram")
    ceiling = budget if objective == "latency" else None
    if ceiling is None and objective == "sram":
        ceiling = _Choice(graph).make(offered, frugal=True).peak
    choice = _Choice(graph).make(offered, ceiling=ceiling)
    packing = pack(choice.blocks())
    if budget is not None and packing.size > budget:
        choice = _Choice(graph).make(offered, frugal=True)  # fragmentation may hide behind the lower bound
        packing = pack(choice.blocks())
        if packing.size > budget:
            step = choice.binding
            raise CapacityError(
                f"the arena needs {packing.size} bytes, {packing.size - budget} more than the {budget} available",
                place=f"node {step.node.name!r} ({step.node.op.kind})",
                remedy="choose a smaller network, a larger target, or --objective sram",
            )
    return _program(graph, profile, objective, place.name, choice, packing)


@dataclass
class _Choice:
    """Schedules chosen so far, and the chains of tensors that share an offset."""

    graph: Graph
    steps: list[Step] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    chain: dict[str, str] = field(default_factory=dict)
    alive: dict[str, None] = field(default_factory=dict)
    """Tensors still needed, in the order they were written."""

    def __post_init__(self) -> None:
        self.lifetimes: Mapping[str, Lifetime] = lifetimes(self.graph)
        self.chain = {name: name for name in self.graph.inputs}
        self.alive = dict.fromkeys(self.graph.inputs)

    @property
    def peak(self) -> int:
        return max(self.heights, default=0)

    @property
    def binding(self) -> Step:
        return self.steps[self.heights.index(self.peak)]

    def make(
        self, offered: Mapping[str, Sequence[Schedule]], *, ceiling: int | None = None, frugal: bool = False
    ) -> _Choice:
        for number, node in enumerate(self.graph.nodes):
            self.alive = {name: None for name in self.alive if self.lifetimes[name].last >= number}
            options = [(self._height(number, node, schedule), schedule) for schedule in offered[node.name]]
            fitting = [] if frugal else [pair for pair in options if ceiling is None or pair[0] <= ceiling]
            height, schedule = (
                min(fitting, key=lambda pair: (pair[1].cycles, pair[0]))
                if fitting
                else min(options, key=lambda pair: (pair[0], pair[1].cycles))
            )
            shared = self._shared(number, node, schedule)
            for name in node.outputs:
                self.chain[name] = self.chain[shared] if shared else name
                self.alive[name] = None
            scratch = f"scratch of {node.name}" if schedule.scratch else None
            self.steps.append(Step(node, schedule, scratch))
            self.heights.append(height)
        return self

    def _shared(self, number: int, node: Node, schedule: Schedule) -> str | None:
        """The input whose offset the output takes over, if any."""
        if schedule.alias:
            if node.inputs[0] not in self.chain:
                raise UnsupportedError(
                    "only renames a constant",
                    place=f"node {node.name!r} ({node.op.kind})",
                    remedy="fold constants first",
                )
            return node.inputs[0]
        for index in schedule.in_place:
            name = node.inputs[index]
            if name not in self.chain or node.inputs.count(name) > 1:
                continue
            members = [other for other in self.alive if self.chain[other] == self.chain[name]]
            if all(self.lifetimes[m].last <= number and m not in self.graph.outputs for m in members) and not any(
                member != name and member in node.inputs for member in members
            ):
                return name
        return None

    def _height(self, number: int, node: Node, schedule: Schedule) -> int:
        """Bytes alive while the step runs."""
        live: dict[str, int] = {}
        for name in self.alive:
            live[self.chain[name]] = max(live.get(self.chain[name], 0), self.graph.tensors[name].bytes)
        shared = self._shared(number, node, schedule)
        for name in node.outputs:
            key = self.chain[shared] if shared else name
            live[key] = max(live.get(key, 0), self.graph.tensors[name].bytes)
        return sum(live.values()) + schedule.scratch

    def alignments(self) -> dict[str, int]:
        """What each tensor's address is a multiple of: its element size and what the steps that touch it ask."""
        needed = {name: max(4, self.graph.tensors[name].dtype.size) for name in self.chain}
        for step in self.steps:
            for name in (*step.node.inputs, *step.node.outputs):
                if name in needed:
                    needed[name] = max(needed[name], step.schedule.alignment)
        return needed

    def blocks(self) -> list[Block]:
        """What the packer places: one block per chain of tensors, one per scratch."""
        members: dict[str, list[str]] = {}
        alignments = self.alignments()
        for name, chain in self.chain.items():
            members.setdefault(chain, []).append(name)
        blocks = [
            Block(
                chain,
                tuple(Segment(*self.lifetimes[name], self.graph.tensors[name].bytes) for name in names),
                max(alignments[name] for name in names),
            )
            for chain, names in members.items()
        ]
        blocks += [
            Block(step.scratch, (Segment(number, number, step.schedule.scratch),), step.schedule.alignment)
            for number, step in enumerate(self.steps)
            if step.scratch is not None
        ]
        return blocks


def _program(
    graph: Graph, profile: HardwareProfile, objective: Objective, region: str, choice: _Choice, packing: Packing
) -> Program:
    alignments = choice.alignments()
    buffers = [
        Buffer(
            name, name, graph.tensors[name].bytes, alignments[name], *choice.lifetimes[name],
            packing.offsets[chain], region, None if chain == name else chain,
        )
        for name, chain in choice.chain.items()
    ]  # fmt: skip
    buffers += [
        Buffer(step.scratch, None, step.schedule.scratch, step.schedule.alignment, number, number,
               packing.offsets[step.scratch], region)
        for number, step in enumerate(choice.steps)
        if step.scratch is not None
    ]  # fmt: skip
    alignment = max((buffer.alignment for buffer in buffers), default=4)
    return Program(
        graph, profile, objective, region, tuple(choice.steps), tuple(buffers),
        packing.size, alignment, packing.lower_bound,
    )  # fmt: skip
