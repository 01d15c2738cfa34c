"""Estimator: from executed blocks to cycles, in all and by function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import get_args

from tinyml_core.api.runner import Cycles, FunctionProfile
from tinyml_plugins.simulator.counting import BlockRun
from tinyml_plugins.simulator.elf import Image
from tinyml_plugins.simulator.timing.cortex_m0plus import CortexM0Plus
from tinyml_plugins.simulator.timing.cortex_m4 import CORTEX_M3, CORTEX_M4
from tinyml_plugins.simulator.timing.cortex_m7 import CortexM7
from tinyml_plugins.simulator.timing.cortex_m33 import CortexM33
from tinyml_plugins.simulator.timing.instruction import decode
from tinyml_plugins.simulator.timing.model import BlockCost, Bound, TimingModel

MODELS: dict[str, TimingModel] = {
    "cortex-m0plus": CortexM0Plus(),
    "cortex-m3": CORTEX_M3,
    "cortex-m4": CORTEX_M4,
    "cortex-m7": CortexM7(),
    "cortex-m33": CortexM33(),
}
_BOUNDS: tuple[Bound, ...] = get_args(Bound)


class Estimator:
    """The timing table of a core applied to one binary; blocks are decoded once."""

    def __init__(self, core: str, image: Image, code: bytes) -> None:
        self._model, self._image, self._code = MODELS[core], image, code
        self._costs: dict[tuple[int, int], dict[Bound, BlockCost]] = {}

    def _cost(self, run: BlockRun) -> dict[Bound, BlockCost]:
        key = (run.address, run.size)
        if key not in self._costs:
            start = run.address - self._image.code[0]
            block = decode(self._code[start : start + run.size], run.address)
            self._costs[key] = {bound: self._model.cost(block, bound) for bound in _BOUNDS}
        return self._costs[key]

    def estimate(
        self, runs: Iterable[BlockRun], called: str = "", layers: Sequence[str] = ()
    ) -> tuple[Cycles, tuple[FunctionProfile, ...]]:
        """Cycles of everything that ran, and of each function, the most expensive first.

        What ran in the context of one of the ``layers`` (1 is the first) counts as its own, but for the instructions of
        the function ``called``, which calls them.
        """
        totals = dict.fromkeys(_BOUNDS, 0)
        instructions: defaultdict[str, int] = defaultdict(int)
        cycles: defaultdict[str, int] = defaultdict(int)
        for run in runs:
            spent = {bound: cost.total(run.entries, run.falls) for bound, cost in self._cost(run).items()}
            for bound, amount in spent.items():
                totals[bound] += amount
            symbol = self._image.function_at(run.address)
            if run.context and symbol != called:
                symbol = layers[run.context - 1]
            instructions[symbol] += run.length * run.entries
            cycles[symbol] += spent["core"]
        rows = (FunctionProfile(symbol, instructions[symbol], cycles[symbol]) for symbol in instructions)
        ranked = sorted(rows, key=lambda row: (-row.cycles, row.symbol))
        return Cycles(totals["core"], totals["low"], totals["high"], self._model.name), tuple(ranked)
