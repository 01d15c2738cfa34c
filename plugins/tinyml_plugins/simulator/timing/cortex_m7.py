"""Cortex-M7: in order, up to two instructions a cycle.

An estimate: Arm publishes no table. Sources: measurements on an STM32H743, github.com/jnk0le/random, "pipeline cycle
test", page cortex-m7, and on an STM32H730, quinapalus.com/cm7cycles.html. Rules taken from there:

* one multiplication, one store, one branch, one bit-field or DSP operation (older slot only), one shifted operand and
  one FPU operation a cycle; no multiplication beside a store; no DSP operation beside a shifted operand;
* LDRD, LDM, STM, PUSH and POP issue alone and move two words a cycle;
* a word load is used one cycle later, a byte or halfword two; multiplications, shifted operands and addresses want
  their operands a cycle earlier than the ALU does; an accumulator a cycle later, so that a chain runs at one a cycle;
* a mispredicted branch costs 6 to 8 cycles, a predicted one nothing but its slot.

Two loads in one cycle are taken to hit different banks. ``low`` pairs any two instructions without latency or
misprediction, ``high`` issues one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyml_plugins.simulator.timing.instruction import Instruction, Kind
from tinyml_plugins.simulator.timing.model import BlockCost, Bound

_MISS: Mapping[Bound, int] = {"low": 0, "core": 7, "high": 8}
_DIVISION: Mapping[Bound, int] = {"low": 2, "core": 7, "high": 12}
_ALONE: Mapping[Kind, int] = {"fpu-pair": 1, "fpu-div": 16, "fpu-sqrt": 14, "system": 2, "table-branch": 2}
_RESULT: Mapping[Kind, tuple[int, int, int]] = {  # cycles until the ALU, a multiplication, the early stage can take it
    "alu": (1, 1, 1),
    "shifted": (1, 1, 2),
    "dsp": (1, 1, 2),
    "load": (1, 2, 2),
    "load-multiple": (1, 2, 2),
    "mul": (2, 2, 3),
    "mac": (2, 2, 3),
    "fpu": (3, 3, 3),
    "fpu-mac": (5, 5, 5),
}
_STAGE: Mapping[Kind, int] = {"mul": 1, "mac": 1, "shifted": 2, "dsp": 2}  # which of the three an operand goes to
_ADDRESS_STAGE = 2
_UNROLL = 5  # passes of a loop from which its steady state is read, the first being left out
_FPU = ("fpu", "fpu-mac")


@dataclass
class _Cycle:
    """What has been issued in the current cycle."""

    kinds: list[Kind] = field(default_factory=list)

    def takes(self, kind: Kind, width: int, ideal: bool) -> bool:
        """Whether an instruction of ``kind`` can join."""
        kinds = self.kinds
        if len(kinds) >= width:
            return False
        multiplies = kind in ("mul", "mac")
        if multiplies and any(other in ("mul", "mac") for other in kinds):
            return False
        if kind == "store" and "store" in kinds:
            return False
        if ideal or not kinds:
            return True
        if (
            kind == "dsp"
            or (kind == "branch" and "branch" in kinds)
            or (kind in _FPU and any(k in _FPU for k in kinds))
        ):
            return False
        if kind == "shifted" and ("shifted" in kinds or "dsp" in kinds):
            return False
        return not (multiplies and "store" in kinds) and not (
            kind == "store" and any(k in ("mul", "mac") for k in kinds)
        )


class CortexM7:
    """The list model."""

    name = "m7-estimate-v1"

    def cost(self, block: Sequence[Instruction], bound: Bound) -> BlockCost:
        """See :class:`~tinyml_plugins.simulator.timing.model.TimingModel`."""
        once = _issue(block, bound)
        last = block[-1]
        quarters = 4 * once
        if last.target == block[0].address:
            steady = _issue([*block] * _UNROLL, bound) - once
            quarters = max(4 * steady // (_UNROLL - 1), 1)
        return BlockCost(once, quarters, _MISS[bound] if last.conditional else 0)


def _issue(sequence: Sequence[Instruction], bound: Bound) -> int:
    """Cycles until the last instruction of a sequence has issued."""
    width, ideal = (1 if bound == "high" else 2), bound == "low"
    time, cycle = 0, _Cycle()
    ready: dict[str, tuple[int, int, int]] = {}
    for this in sequence:
        wanted = 0 if ideal else _operands_ready(this, ready)
        alone = _alone(this, bound)
        if wanted > time:
            time, cycle = wanted, _Cycle()
        if cycle.kinds and (alone or not cycle.takes(this.kind, width, ideal)):
            time, cycle = time + 1, _Cycle()
        cycle.kinds.append(this.kind)
        if alone:
            time, cycle = time + alone - 1, _Cycle(["system"] * width)
        late, multiply, early = _RESULT.get(this.kind, (1, 1, 1))
        slower = 1 if this.kind == "load" and this.narrow else 0
        for register in this.writes:
            updated = this.kind in ("load", "store") and register in this.addresses
            delays = (1, 1, 1) if updated else (late + slower, multiply + slower, early + slower)
            ready[register] = (time + delays[0], time + delays[1], time + delays[2])
    return time + 1


def _operands_ready(this: Instruction, ready: Mapping[str, tuple[int, int, int]]) -> int:
    """First cycle in which every operand is there; the data of a store never waits."""
    stage, never = _STAGE.get(this.kind, 0), (0, 0, 0)
    times = [ready.get(register, never)[stage] for register in this.reads - this.addresses]
    times += [ready.get(register, never)[_ADDRESS_STAGE] for register in this.addresses]
    times += [ready.get(register, never)[0] - 1 for register in this.accumulator]
    return max(times, default=0)


def _alone(this: Instruction, bound: Bound) -> int:
    """Cycles of an instruction that issues by itself, 0 for the others."""
    if this.kind in ("load-multiple", "store-multiple"):
        return max(1, (this.transfers + 1) // 2)
    return _DIVISION[bound] if this.kind == "div" else _ALONE.get(this.kind, 0)
