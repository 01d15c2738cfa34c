"""Inspection: what a network is made of, what it would need on a target, and what would be refused there.

Layers are those of the file; memory and refusals are those of the network as it would be compiled, after the passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.generation import generator_for
from tinyml_core.pipeline.passes import Size, apply_passes
from tinyml_core.program.planner import plan

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True)
class Refusal:
    """Something the code generator or the planner cannot carry out; ``reason`` names node and operator."""

    name: str
    operator: str
    reason: str


@dataclass(frozen=True)
class Memory:
    """SRAM of the planned network in bytes: the arena, the bound no placement beats, and the step that sets it."""

    arena: int
    lower_bound: int
    binding: str


@dataclass(frozen=True, eq=False)
class Inspection:
    """A network and how it fares on a target; ``memory`` is None where something is refused."""

    graph: Graph
    profile: HardwareProfile
    compiled: Size
    refused: tuple[Refusal, ...]
    memory: Memory | None


def inspect_graph(graph: Graph, profile: HardwareProfile, platform: Platform) -> Inspection:
    """Try every node of ``graph`` on the target's code generator and plan it where all are taken.

    Raises:
        PluginError: the code generator or a pass cannot be had.
    """
    generator = generator_for(platform, profile)
    rewritten = apply_passes(graph, platform)
    refused = []
    for node in rewritten.nodes:
        try:
            generator.candidates(node, rewritten, profile)
        except UnsupportedError as error:
            refused.append(Refusal(node.name, node.op.kind, str(error)))
    memory = None
    if not refused:
        try:
            program = plan(rewritten, profile, lambda node: generator.candidates(node, rewritten, profile))
            step = program.steps[program.binding_step].node.name if program.steps else ""
            memory = Memory(program.arena_bytes, program.lower_bound, step)
        except UnsupportedError as error:
            refused.append(Refusal(graph.name, "", str(error)))
    return Inspection(graph, profile, Size.of(rewritten), tuple(refused), memory)
