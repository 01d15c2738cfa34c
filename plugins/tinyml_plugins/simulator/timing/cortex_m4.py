"""Cortex-M3 and Cortex-M4: one instruction at a time, three stages, loads that pipeline.

Source: Arm, Cortex-M4 Technical Reference Manual (100166_0001), table 3-1 and section 3.3.3 (load and store timings),
table 7-1 (FPU); Cortex-M3 Technical Reference Manual (DDI 0337), table 3-1. The manual gives ranges: a refill after a
taken branch takes P = 1 to 3 cycles, a division 2 to 12; the bounds are the ends of these ranges, and ``high`` also
assumes that no load pipelines and no IT folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tinyml_plugins.simulator.timing.instruction import Instruction, Kind
from tinyml_plugins.simulator.timing.model import BlockCost, Bound

_REFILL: Mapping[Bound, int] = {"low": 1, "core": 2, "high": 3}
_DIVISION: Mapping[Bound, int] = {"low": 2, "core": 7, "high": 12}
_M3_LONG_MULTIPLY: Mapping[Bound, int] = {"low": 3, "core": 4, "high": 5}
_M3_LONG_ACCUMULATE: Mapping[Bound, int] = {"low": 4, "core": 5, "high": 7}

_FIXED: Mapping[Kind, int] = {
    "alu": 1, "shifted": 1, "dsp": 1, "mul": 1, "mac": 1, "nop": 1, "branch": 1, "table-branch": 2, "system": 2,
    "fpu": 1, "fpu-mac": 3, "fpu-div": 14, "fpu-sqrt": 14, "fpu-pair": 2,
}  # fmt: skip


@dataclass(frozen=True)
class CortexM4:
    """The table; ``accumulate``: cycles of a 32-bit multiply-accumulate; ``long_multiplies``: the Cortex-M3's rows."""

    name: str = "m4-trm-v1"
    accumulate: int = 1
    long_multiplies: bool = False

    def cost(self, block: Sequence[Instruction], bound: Bound) -> BlockCost:
        """See :class:`~tinyml_plugins.simulator.timing.model.TimingModel`."""
        cycles = self._cycles(None, block[0], block[1] if len(block) > 1 else None, bound)
        for index, (before, this) in enumerate(pairwise(block), 1):
            cycles += self._cycles(before, this, block[index + 1] if index + 1 < len(block) else None, bound)
        refill = _REFILL[bound] if block[-1].changes_pc else 0
        return BlockCost(cycles, 4 * (cycles + refill))

    def _cycles(self, before: Instruction | None, this: Instruction, after: Instruction | None, bound: Bound) -> int:
        match this.kind:
            case "load":
                return 1 if bound != "high" and _pipelines(this, after) else 2
            case "store":
                # with an immediate offset the write buffer hides the data phase; a register offset takes a third read
                return 2 if this.register_offset and not (before and before.kind == "load") else 1
            case "load-multiple" | "store-multiple":
                return 1 + this.transfers
            case "div":
                return _DIVISION[bound]
            case "it":
                return 0 if bound != "high" and before is not None and before.size == 2 else 1
            case "mul" if self.long_multiplies and this.is_long:
                return _M3_LONG_MULTIPLY[bound]
            case "mac":
                return _M3_LONG_ACCUMULATE[bound] if self.long_multiplies and this.is_long else self.accumulate
            case _:
                return _FIXED[this.kind]


def _pipelines(load: Instruction, after: Instruction | None) -> bool:
    """Whether the next instruction's address phase overlaps this load's data phase."""
    return after is not None and after.kind in ("load", "store") and not after.addresses & load.writes


CORTEX_M4 = CortexM4()
CORTEX_M3 = CortexM4(name="m3-trm-v1", accumulate=2, long_multiplies=True)
