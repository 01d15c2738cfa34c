"""Cortex-M33: in order, one instruction at a time but for pairs of 16-bit instructions with a branch, IT or NOP.

An estimate: Arm publishes no table. Source: measurements on an RP2350 (r1p0), github.com/jnk0le/random, "pipeline cycle
test", page cortex-m33: loads are used two cycles later (an accumulator or a store one), LDRD and STRD take 2 cycles,
LDM and STM one per register, a taken branch 2 (1 in a pair), shifted operands and multiplications give their result
a cycle late. Division and FPU latencies of additions are taken from the Cortex-M4. ``low`` has no latencies and
pairs every branch, ``high`` pairs none and refills in 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyml_plugins.simulator.timing.instruction import Instruction, Kind
from tinyml_plugins.simulator.timing.model import BlockCost, Bound

_REFILL: Mapping[Bound, int] = {"low": 1, "core": 2, "high": 3}
_DIVISION: Mapping[Bound, int] = {"low": 2, "core": 7, "high": 12}
_BUSY: Mapping[Kind, int] = {"fpu-div": 14, "fpu-sqrt": 14, "fpu-pair": 2, "system": 2, "table-branch": 2}
_LATENCY: Mapping[Kind, int] = {"load": 2, "load-multiple": 2, "shifted": 2, "mul": 2, "mac": 2, "fpu": 2, "fpu-mac": 3}
_FORWARDED = ("load", "load-multiple", "mac", "mul")  # an accumulator takes their result after one cycle


class CortexM33:
    """The table."""

    name = "m33-estimate-v1"

    def cost(self, block: Sequence[Instruction], bound: Bound) -> BlockCost:
        """See :class:`~tinyml_plugins.simulator.timing.model.TimingModel`."""
        time = 0
        ready: dict[str, int] = {}
        forwarded: dict[str, int] = {}
        before: Instruction | None = None
        float_free = 0
        for this in block:
            if bound != "low":
                time = max([time, *(ready.get(register, 0) for register in this.reads)])
                time = max([time, *(forwarded.get(register, 0) for register in this.accumulator | this.data)])
                if this.kind.startswith("fpu"):
                    time = max(time, float_free)
            start = time
            time += self._busy(before, this, bound)
            latency = _LATENCY.get(this.kind, 1)
            for register in this.writes:
                ready[register] = max(time, start + latency)
                forwarded[register] = max(time, start + 1) if this.kind in _FORWARDED else ready[register]
            if this.kind == "fpu-mac":
                float_free = start + 3
            before = this
        return BlockCost(time, 4 * (time + self._refill(block, bound)))

    def _busy(self, before: Instruction | None, this: Instruction, bound: Bound) -> int:
        """Cycles this instruction keeps the next from starting."""
        if this.kind in ("branch", "it", "nop"):
            return 0 if bound != "high" and _pairs(before, this) else 1
        if this.kind in ("load-multiple", "store-multiple"):
            return this.transfers
        if this.kind == "div":
            return _DIVISION[bound]
        late_flags = this.sets_flags and (this.kind == "mul" or (this.kind == "shifted" and len(this.reads) == 1))
        return _BUSY.get(this.kind, 1) + (1 if late_flags and bound != "low" else 0)

    def _refill(self, block: Sequence[Instruction], bound: Bound) -> int:
        """Further cycles of a taken branch."""
        last = block[-1]
        if not last.changes_pc:
            return 0
        if bound == "high" or last.kind != "branch":
            return _REFILL[bound]
        before = block[-2] if len(block) > 1 else None
        if not _pairs(before, last):
            return 1  # one cycle is counted already: two in all
        return 1 if bound == "low" or not (before and before.sets_flags) else 2


def _pairs(before: Instruction | None, this: Instruction) -> bool:
    """Whether ``this`` issues in the cycle of the instruction before it."""
    return before is not None and before.size == 2 and this.size == 2 and before.kind not in ("branch", "it", "nop")
