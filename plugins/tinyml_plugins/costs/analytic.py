"""Analytic costs: the compiler's own planner and the generator's own schedules, without compiling.

The arena told here is the arena the generated C declares. What only a linked binary knows, the stack and the code, is
a declared reserve, and the quantities that contain one are estimates with the planned part as their lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from tinyml_core.api.cost_model import Cost
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.generation import generator_for
from tinyml_core.program.planner import plan
from tinyml_core.program.program import InputMode, Objective
from tinyml_core.search.reserve import CODE_BYTES, LAYER_CODE_BYTES, STACK_BYTES, code_reserve

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True, kw_only=True)
class Analytic:
    """Costs from a plan of the integer graph.

    Raises:
        InputError: a reserve or the spread is negative.
    """

    generator: str = ""
    """Code generator whose schedules are planned; the target's own when empty."""
    kernels: tuple[str, ...] = ()
    """Kernels that it takes beside its own and the target's."""
    objective: Objective = "latency"
    """What the planner prefers."""
    input_mode: InputMode = "resident"
    """Whether the input lies in memory as a whole or comes row by row."""
    stack_bytes: int = STACK_BYTES
    """SRAM reserved for the stack and static data."""
    code_bytes: int = CODE_BYTES
    """Flash reserved for the instructions of networks of up to 38 layers, start-up code included."""
    layer_code_bytes: int = LAYER_CODE_BYTES
    """Flash reserved for the instructions of each layer beyond these."""
    cycles_spread: float = 0.25
    """Fraction by which the true cycles may lie below or above the sum of the schedules' estimates."""

    quantities: ClassVar[tuple[str, ...]] = (
        "macs", "parameters", "arena_bytes", "sram_bytes", "flash_bytes", "cycles",
    )  # fmt: skip

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if isinstance(value, int | float) and not value >= 0:
                raise InputError(f"is {value}", place=f"analytic option {option.name}", remedy="it cannot be negative")

    def estimate(self, graph: Graph, profile: HardwareProfile, platform: Platform) -> tuple[Cost, ...]:
        """Costs of the integer graph ``graph`` on ``profile``.

        Raises:
            PluginError: the generator cannot be had.
            UnsupportedError: it has no kernel for a node.
        """
        generator = generator_for(platform, profile, self.generator or None, kernels=self.kernels)
        program = plan(
            graph, profile, lambda node: generator.candidates(node, graph, profile),
            objective=self.objective, input_mode=self.input_mode,
        )  # fmt: skip
        arena, constants, cycles = program.arena_bytes, program.constant_bytes, program.cycles
        code = code_reserve(len(graph.nodes), self.code_bytes, self.layer_code_bytes)
        return (
            _exact("macs", graph.macs, "1"),
            _exact("parameters", graph.parameters, "1"),
            _exact("arena_bytes", arena, "byte"),
            _reserved("sram_bytes", arena, self.stack_bytes),
            _reserved("flash_bytes", constants, code),
            Cost(
                "cycles", cycles, "cycle", "estimated",
                max(0.0, cycles * (1 - self.cycles_spread)), cycles * (1 + self.cycles_spread),
            ),
        )  # fmt: skip


def _exact(quantity: str, value: int, unit: str) -> Cost:
    return Cost(quantity, value, unit, "exact", value, value)


def _reserved(quantity: str, planned: int, reserve: int) -> Cost:
    """Planned bytes plus a reserve of which the network may need nothing, or twice as much."""
    return Cost(quantity, planned + reserve, "byte", "estimated", planned, planned + 2 * reserve)
