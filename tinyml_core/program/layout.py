"""Layout: from chosen stages to steps, buffers and their places in the arena.

A segment is one moment: its steps take turns row by row, so what any of them touches is alive over all of it, and only
their scratch can share a place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.arena import Block, Extent, Packing, pack
from tinyml_core.program.program import Buffer, Objective, Program, Segment, Step, progress_bytes
from tinyml_core.program.rows import row_bytes
from tinyml_core.program.schedule import Schedule
from tinyml_core.program.stages import Stage, Stages


@dataclass(frozen=True)
class Layout:
    """The chosen stages with every buffer placed."""

    steps: tuple[Step, ...]
    segments: tuple[Segment, ...]
    buffers: tuple[Buffer, ...]
    heights: tuple[int, ...]
    """Bytes alive while each stage runs."""
    first_steps: tuple[int, ...]
    """Where each stage begins."""
    packing: Packing

    @property
    def binding(self) -> Step:
        """The step at which the tallest stage begins."""
        return self.steps[self.first_steps[self.heights.index(max(self.heights))]]

    def program(self, graph: Graph, profile: HardwareProfile, objective: Objective, region: str) -> Program:
        """The program that this is the layout of."""
        alignment = max((buffer.alignment for buffer in self.buffers), default=4)
        return Program(
            graph, profile, objective, region, self.steps, self.buffers, self.segments,
            self.packing.size, alignment, self.packing.lower_bound,
        )  # fmt: skip


def lay_out(stages: Stages, plan: Sequence[Stage], ceiling: float, region: str) -> Layout:
    """Choose the fastest schedules of ``plan`` below ``ceiling`` and place what they need."""
    graph = stages.graph
    chosen = [stage.fastest(ceiling) for stage in plan]
    schedules = [schedule for options in chosen for _, schedule in options]
    steps = tuple(
        Step(node, schedule, f"scratch of {node.name}" if schedule.scratch else None,
             f"state of {node.name}" if schedule.state else None)
        for node, schedule in zip(graph.nodes, schedules, strict=True)
    )  # fmt: skip
    working = _working(steps, plan, region)
    buffers, packing = _packed(_tensors(stages, plan, schedules, region), working, thorough=False)
    if packing.size > packing.lower_bound:
        loose = _tensors(stages, plan, schedules, region, room=packing.lower_bound)
        rivals = [_packed(loose, working)]
        if rivals[0][1].size > packing.lower_bound:
            rivals.append(_packed(_tensors(stages, plan, schedules, region), working))
        buffers, packing = min(rivals, key=lambda rival: rival[1].size)
    placed = tuple(replace(each, offset=packing.offsets[each.shares or each.name]) for each in buffers)
    segments = tuple(segment for stage in plan if (segment := stage.segment) is not None)
    heights = tuple(
        stage.base + max(extra for extra, _ in options) for stage, options in zip(plan, chosen, strict=True)
    )
    return Layout(steps, segments, placed, heights, tuple(stage.first for stage in plan), packing)


def _packed(
    tensors: Sequence[Buffer], working: Sequence[Buffer], *, thorough: bool = True
) -> tuple[list[Buffer], Packing]:
    buffers = [*tensors, *working]
    return buffers, pack(_blocks(buffers), thorough=thorough)


def _tensors(
    stages: Stages, plan: Sequence[Stage], schedules: Sequence[Schedule], region: str, room: int = 0
) -> list[Buffer]:
    graph, chain = stages.graph, _chains(stages, plan, schedules, room)
    alignments = _alignments(graph, chain, schedules)
    stage_of = {number: stage for stage in plan for number in range(stage.first, stage.last + 1)}
    found = []
    for name, head in chain.items():
        first, last = stages.heights.lifetimes[name]
        rows = stages.ring_rows(stage_of[first], name) if stage_of else None
        tensor = graph.tensors[name]
        found.append(
            Buffer(
                name, name, tensor.bytes if rows is None else rows * row_bytes(tensor), alignments[name],
                stage_of[first].first if stage_of else first, stage_of[last].last if stage_of else last,
                0, region, None if head == name else head, rows,
            )
        )  # fmt: skip
    return found


def _chains(stages: Stages, plan: Sequence[Stage], schedules: Sequence[Schedule], room: int) -> dict[str, str]:
    """The tensor at whose offset each variable tensor lies: the first of a chain of operators that work in place.

    Where input and output fit into ``room`` bytes side by side they are kept apart, since chains are hard to place.
    """
    chain = {name: name for name in stages.graph.inputs}
    for stage in plan:
        for number in range(stage.first, stage.last + 1):
            schedule = schedules[number]
            apart = stage.flow is not None or stages.heights.apart(number, schedule) <= room
            shared = None if apart and not schedule.alias else stages.heights.shared(number, schedule)
            for name in stages.graph.nodes[number].outputs:
                alias = stages.heights.alias[name]
                chain[name] = chain[alias] if alias != name else chain[shared] if shared else name
    return chain


def _alignments(graph: Graph, chain: Mapping[str, str], schedules: Sequence[Schedule]) -> dict[str, int]:
    """What each tensor's address is a multiple of: its element size and what the steps that touch it ask."""
    needed = {name: max(4, graph.tensors[name].dtype.size) for name in chain}
    for node, schedule in zip(graph.nodes, schedules, strict=True):
        for name in (*node.inputs, *node.outputs):
            if name in needed:
                needed[name] = max(needed[name], schedule.alignment)
    return needed


def _working(steps: Sequence[Step], plan: Sequence[Stage], region: str) -> list[Buffer]:
    """Scratch, alive during its step; state, and the place in a pushed segment, alive as long as the segment."""
    found = []
    for stage in plan:
        if (segment := stage.segment) is not None and segment.progress is not None:
            size = progress_bytes(stage.last - stage.first + 1)
            found.append(Buffer(segment.progress, None, size, 4, stage.first, stage.last, 0, region))
        for number in range(stage.first, stage.last + 1):
            step = steps[number]
            need, alignment = step.schedule, step.schedule.alignment
            if step.scratch is not None:
                found.append(Buffer(step.scratch, None, need.scratch, alignment, number, number, 0, region))
            if step.state is not None:
                found.append(Buffer(step.state, None, need.state, alignment, stage.first, stage.last, 0, region))
    return found


def _blocks(buffers: Sequence[Buffer]) -> list[Block]:
    """What the packer places: one block per chain of tensors, one per scratch or state."""
    members: dict[str, list[Buffer]] = {}
    for buffer in buffers:
        members.setdefault(buffer.shares or buffer.name, []).append(buffer)
    return [
        Block(name, tuple(Extent(each.first, each.last, each.size) for each in chain), max(e.alignment for e in chain))
        for name, chain in members.items()
    ]
