"""TimingModel: what one pass through a block of instructions costs on a core at zero wait states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tinyml_plugins.simulator.timing.instruction import Instruction

Bound = Literal["low", "core", "high"]
"""Which estimate: the optimistic bound, the best guess, the pessimistic bound."""


@dataclass(frozen=True)
class BlockCost:
    """Cycles of one pass through a block.

    ``falls`` when it goes on to the next address; ``taken_quarters``, in quarters of a cycle, when it branches (a
    dual-issue loop need not take a whole number); ``miss`` is added for every mispredicted branch.
    """

    falls: int
    taken_quarters: int
    miss: int = 0

    def total(self, entries: int, falls: int) -> int:
        """Cycles of ``entries`` passes of which ``falls`` went on; the rarer way out counts as mispredicted."""
        taken = entries - falls
        return self.falls * falls + self.taken_quarters * taken // 4 + self.miss * min(falls, taken)


class TimingModel(Protocol):
    """The table of one core."""

    @property
    def name(self) -> str:
        """Name and version, shown beside every figure."""
        ...

    def cost(self, block: Sequence[Instruction], bound: Bound) -> BlockCost:
        """Cost of a block that is entered at its first instruction and left after its last."""
        ...
