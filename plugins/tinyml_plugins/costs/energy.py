"""Energy of one inference: cycles times what the part's data sheet says one costs.

A part that draws p mW per MHz spends p nJ on each cycle, because 1 mW / 1 MHz = 1 nJ. The core, its flash and its SRAM
in run mode are included as far as the data sheet's figure includes them; sleep, sensors and regulators are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from tinyml_core.api.cost_model import Cost, CostModel
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.figures import ZERO_WAIT_FACTOR

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


def microjoules(cycles: float, profile: HardwareProfile) -> float:
    """Energy of ``cycles``, estimated or measured, at the profile's published power.

    Raises:
        UnsupportedError: the profile has no power figure.
    """
    if profile.milliwatts_per_megahertz is None:
        raise UnsupportedError(
            "no power figure is known", place=f"target {profile.name}",
            remedy="add milliwatts_per_megahertz to its profile, with its source",
        )  # fmt: skip
    return cycles * profile.milliwatts_per_megahertz / 1000


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy of the cycles that another cost model tells; its upper bound counts wait states as cycles."""

    cycles_from: str = "emulated-latency"
    """The cost model that tells the cycles."""
    cycles_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of that cost model."""

    quantities: ClassVar[tuple[str, ...]] = ("microjoules",)

    def estimate(self, graph: Graph, profile: HardwareProfile, platform: Platform) -> tuple[Cost, ...]:
        """Energy of the integer graph ``graph`` on ``profile``.

        Raises:
            UnsupportedError: the profile has no power figure, or the other model tells no cycles or not those of this
                core.
            PluginError: there is no such cost model.
        """
        microjoules(0, profile)
        costs = self._model(platform).estimate(graph, profile, platform)
        cycles = next((cost for cost in costs if cost.quantity == "cycles"), None)
        if cycles is None:
            raise UnsupportedError(
                f"cost model {self.cycles_from} tells no cycles", place="cost model energy",
                remedy="set cycles_from to one that does",
            )  # fmt: skip
        waits = profile.board_factor.value if profile.board_factor else ZERO_WAIT_FACTOR
        value, low, high = (microjoules(each, profile) for each in (cycles.value, cycles.low, cycles.high * waits))
        return (Cost("microjoules", value, "microjoule", "estimated", low, high),)

    @cached_property
    def _models(self) -> WeakKeyDictionary[Platform, CostModel]:
        return WeakKeyDictionary()

    def _model(self, platform: Platform) -> CostModel:
        """The other model: one for all estimates, because it may keep what it has learnt about layers."""
        if platform not in self._models:
            self._models[platform] = platform.create(CostModel, self.cycles_from, self.cycles_options)
        return self._models[platform]
