"""Energy of one inference: the planned program's cycles times the part's energy per cycle.

A part that draws p mW per MHz spends p nanojoules on each cycle, because 1 mW / 1 MHz = 1 nJ. Sleep, memory outside the
chip and sensors are not included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinyml_core.api.cost_model import Cost, CostModel
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy per inference; additive over layers and never negative, as the cycles are."""

    cycles_from: str = "analytic"
    """The cost model that tells the cycles."""

    @property
    def quantities(self) -> tuple[str, ...]:
        return ("microjoules",)

    def estimate(self, graph: Graph, profile: HardwareProfile, platform: Platform) -> tuple[Cost, ...]:
        nanojoules = profile.milliwatts_per_megahertz
        if nanojoules is None:
            raise UnsupportedError(
                "no power figure is known",
                place=f"target {profile.name}",
                remedy="add milliwatts_per_megahertz to its profile",
            )
        costs = platform.create(CostModel, self.cycles_from).estimate(graph, profile, platform)
        cycles = next((cost for cost in costs if cost.quantity == "cycles"), None)
        if cycles is None:
            raise UnsupportedError(
                f"cost model {self.cycles_from!r} tells no cycles", remedy="set cycles_from to one that does"
            )
        value, low, high = (count * nanojoules / 1000 for count in (cycles.value, cycles.low, cycles.high))
        return (Cost("microjoules", value, "uJ", "estimated", low, high),)
