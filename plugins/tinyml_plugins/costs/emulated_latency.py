"""Emulated latency: the compiler's own plan, each layer at what layers like it cost on the emulator.

Costs add up over the layers. The interval is that of a network all of whose layers are off in the same direction, each
by the error that 95 of 100 layers of its family stay below; it tells how well the emulator is predicted, not how well
the emulator's timing tables tell the cycles of the part (docs/cycles.md).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from tinyml_core.api.cost_model import Cost
from tinyml_core.api.generator import CodeGenerator
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.figures import ZERO_WAIT_FACTOR
from tinyml_core.pipeline.generation import generator_for
from tinyml_core.pipeline.stages import Stages
from tinyml_core.program.program import InputMode, Objective, Step
from tinyml_plugins.costs.features import features
from tinyml_plugins.costs.kernels import fingerprint
from tinyml_plugins.costs.layer import Layer
from tinyml_plugins.costs.planning import Planner
from tinyml_plugins.costs.table import CostTable, Rate, read_table, shipped_table

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

UNMEASURED = 0.5
"""Relative error of a layer whose family was not measured: it costs what the kernel itself estimates."""

_log = logging.getLogger(__name__)


class Spread(NamedTuple):
    """A cost between two bounds; sums are sums of each."""

    value: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def around(cls, value: float, error: float) -> Spread:
        """``value`` with a relative error."""
        return cls(value, value * max(0.0, 1 - error), value * (1 + error))

    def plus(self, other: Spread) -> Spread:
        """Both together."""
        return Spread(self.value + other.value, self.low + other.low, self.high + other.high)

    def cost(self, quantity: str, unit: str) -> Cost:
        """As a cost."""
        return Cost(quantity, self.value, unit, "estimated", self.low, self.high)


@dataclass(frozen=True, kw_only=True)
class EmulatedLatency:
    """Instructions, cycles and milliseconds of one inference."""

    generator: str = "tinyengine"
    """Code generator whose schedules are planned."""
    objective: Objective = "latency"
    """What the planner prefers."""
    input_mode: InputMode = "resident"
    """Whether the input lies in memory as a whole or comes row by row."""
    toolchain: str = "zig"
    """The toolchain that will compile, by which a shipped table is chosen."""
    table: str = ""
    """A file written by ``tinyml calibrate-costs``; the shipped table of the profile's core when empty."""

    quantities: ClassVar[tuple[str, ...]] = ("instructions", "cycles", "milliseconds")

    def estimate(self, graph: Graph, profile: HardwareProfile, platform: Platform) -> tuple[Cost, ...]:
        """Costs of the integer graph ``graph`` on ``profile``: cycles at zero wait states, and milliseconds between
        those at the highest clock and those with the wait states of a board.

        Raises:
            PluginError: the generator cannot be had.
            UnsupportedError: it has no kernel for a node, or no costs were measured for the core.
            InputError: the table's file is not usable, or belongs to another core or generator.
        """
        planner, table = self._prepared(profile, platform)
        instructions = cycles = Spread()
        for step in planner.plan(graph).steps:
            if not step.schedule.alias:
                told = self._told(table, step, graph)
                instructions, cycles = instructions.plus(told[0]), cycles.plus(told[1])
        milliseconds = 1e3 / profile.clock_hz
        waits = profile.board_factor.value if profile.board_factor else ZERO_WAIT_FACTOR
        time = Spread(cycles.value * milliseconds, cycles.low * milliseconds, cycles.high * milliseconds * waits)
        return (
            instructions.cost("instructions", "instruction"),
            cycles.cost("cycles", "cycle"),
            time.cost("milliseconds", "millisecond"),
        )

    def stale(self, profile: HardwareProfile, platform: Platform) -> str | None:
        """Why the table may no longer tell what the generator writes; None when its kernels are those of the table.

        Raises: as :meth:`estimate`.
        """
        _, table = self._prepared(profile, platform, check=False)
        return _stale(table, profile, platform)

    def calibrate(
        self, core: str, out: Path, platform: Platform, *, samples: int, seed: int, resume: bool
    ) -> Mapping[str, Any]:
        """Measure layers; see :class:`~tinyml_core.api.cost_model.CalibratedCostModel`."""
        from tinyml_plugins.costs.calibration import Calibration, calibrate, write_table

        chosen = Calibration(
            core=core, toolchain=self.toolchain, generator=self.generator, samples=samples, seed=seed
        )  # fmt: skip
        journal = out.with_name(out.name + ".samples.jsonl")
        with Stages(platform.emit).stage("measure", sum(map(len, chosen.planned()))) as stage:
            table = calibrate(chosen, journal, platform, resume=resume, advance=stage.advance)
            stage.result = f"{table.samples} layers, {table.compiler}"
        write_table(table, out)
        families = {
            name: {
                "samples": family.samples,
                "error": {"instructions": family.instructions.error, "cycles": family.cycles.error},
            }
            for name, family in table.families.items()
        }
        provenance = table.model_dump(mode="json", exclude={"families"})
        return {"table": str(out), "journal": str(journal), **provenance, "families": families}

    @cached_property
    def _planners(self) -> WeakKeyDictionary[Platform, dict[str, tuple[Planner, CostTable]]]:
        return WeakKeyDictionary()

    @cached_property
    def _layers(self) -> dict[tuple[Layer, str], tuple[Spread, Spread]]:
        return {}

    def _prepared(
        self, profile: HardwareProfile, platform: Platform, *, check: bool = True
    ) -> tuple[Planner, CostTable]:
        by_profile = self._planners.setdefault(platform, {})
        found = by_profile.get(profile.name)
        if found is None or found[0].profile != profile:
            table = self._table(profile)
            generator = generator_for(platform, profile, self.generator)
            if check and (reason := _stale(table, profile, platform)):
                _log.warning("%s", reason)
            found = by_profile[profile.name] = (Planner(generator, profile, self.objective, self.input_mode), table)
        return found

    def _table(self, profile: HardwareProfile) -> CostTable:
        if not self.table:
            return shipped_table(profile.core, self.toolchain)
        table = read_table(Path(self.table))
        if (table.core, table.generator) != (profile.core, self.generator):
            raise InputError(
                f"holds costs of {table.generator} on {table.core}, not of {self.generator} on {profile.core}",
                place=self.table, remedy=f"run `tinyml calibrate-costs --core {profile.core}`",
            )  # fmt: skip
        return table

    def _told(self, table: CostTable, step: Step, graph: Graph) -> tuple[Spread, Spread]:
        layer = Layer.of(step.node, graph, step.schedule.kernel, rows=step.schedule.rows)
        family = table.families.get(layer.family)
        if family is None:
            cycles = step.schedule.cycles
            return (
                Spread.around(cycles / table.cycles_per_instruction, UNMEASURED),
                Spread.around(cycles, UNMEASURED),
            )
        key = (layer, table.core)
        if key not in self._layers:
            counted = features(layer)

            def spread(rate: Rate) -> Spread:
                return Spread.around(rate.of(counted), rate.error)

            self._layers[key] = (spread(family.instructions), spread(family.cycles))
        return self._layers[key]


_FINGERPRINTS: WeakKeyDictionary[Platform, dict[tuple[str, str, frozenset[str]], str]] = WeakKeyDictionary()


def _stale(table: CostTable, profile: HardwareProfile, platform: Platform) -> str | None:
    known, key = _FINGERPRINTS.setdefault(platform, {}), (table.generator, profile.core, profile.features)
    if key not in known:
        known[key] = fingerprint(platform.create(CodeGenerator, table.generator), profile)
    now = known[key]
    if table.kernels == now:
        return None
    return (
        f"cost model emulated-latency: the costs of {table.core} were measured on {table.date} with kernels "
        f"{table.kernels}, and {table.generator} now has kernels {now}; "
        f"run `tinyml calibrate-costs --core {table.core} --toolchain {table.toolchain}`"
    )
