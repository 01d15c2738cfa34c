"""Cost models: what a graph costs on a microcontroller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

Basis = Literal["exact", "measured", "estimated"]
"""exact: counted or planned; measured: executed on the emulator; estimated: interpolated or modelled."""


@dataclass(frozen=True)
class Cost:
    """A quantity with its unit and how far to trust it; ``low`` and ``high`` bound the truth."""

    quantity: str
    value: float
    unit: str
    basis: Basis
    low: float
    high: float


@runtime_checkable
class CostModel(Protocol):
    """Estimates some quantities of a graph.

    ``quantities`` are keys a project file can limit, such as ``macs``, ``sram_bytes``, ``flash_bytes``, ``cycles``.
    """

    @property
    def quantities(self) -> tuple[str, ...]:
        """What this model tells."""
        ...

    def estimate(self, graph: Graph, profile: HardwareProfile, platform: Platform) -> tuple[Cost, ...]:
        """One :class:`Cost` per quantity.

        ``graph`` is the integer graph that will be compiled (an untrained one carries placeholder scales). Costs never
        fall when an operator is added.
        """
        ...


@runtime_checkable
class CalibratedCostModel(CostModel, Protocol):
    """A cost model that rests on measurements and can repeat them: ``tinyml calibrate-costs``."""

    def calibrate(
        self, core: str, out: Path, platform: Platform, *, samples: int, seed: int, resume: bool
    ) -> Mapping[str, Any]:
        """Measure layers on ``core`` and write to ``out`` what a project can name as this model's option ``table``.

        ``samples`` layers of each kind are drawn from ``seed``; with ``resume`` a calibration that was stopped goes
        on. Returns the stable object that ``--json`` prints, in which ``families`` holds for each family of layers the
        number of ``samples`` and the relative ``error`` of each quantity.

        Raises:
            TinyMLError: a tool is missing, no target has the core, or a file cannot be used.
        """
        ...
