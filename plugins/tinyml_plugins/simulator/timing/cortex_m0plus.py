"""Cortex-M0+: every instruction has a fixed time, so the bounds coincide.

Source: Arm, Cortex-M0+ Technical Reference Manual (DDI 0484C), table 3-1, with the single-cycle multiplier, which the
parts in use have.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyml_plugins.simulator.timing.instruction import Instruction
from tinyml_plugins.simulator.timing.model import BlockCost, Bound

_LINKED = 3  # BL, and MRS, MSR and barriers take as long


class CortexM0Plus:
    """The table."""

    name = "m0plus-trm-v1"

    def cost(self, block: Sequence[Instruction], bound: Bound) -> BlockCost:
        """See :class:`~tinyml_plugins.simulator.timing.model.TimingModel`."""
        cycles = sum(_cycles(instruction) for instruction in block)
        return BlockCost(cycles, 4 * (cycles + _taken(block[-1])))


def _cycles(instruction: Instruction) -> int:
    """Cycles without the refill after a taken branch."""
    match instruction.kind:
        case "load" | "store":
            return 2
        case "load-multiple" | "store-multiple":
            return 1 + instruction.transfers
        case "system":
            return _LINKED
        case _:
            return 1


def _taken(instruction: Instruction) -> int:
    """Further cycles when the program counter changes."""
    if not instruction.changes_pc:
        return 0
    if instruction.kind == "load-multiple":
        return 2  # POP with the program counter is 3 + N, which counts it among the N
    return _LINKED - 1 if instruction.name == "bl" else 1
