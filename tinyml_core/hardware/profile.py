"""HardwareProfile: one microcontroller as data; nothing in it belongs to one architecture.

Sizes are bytes, addresses are those of the memory map, clocks are Hz.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tinyml_core.errors import InputError


@dataclass(frozen=True)
class MemoryRegion:
    """A contiguous stretch of memory."""

    name: str
    kind: Literal["flash", "sram"]
    origin: int
    size: int


@dataclass(frozen=True)
class BoardFactor:
    """Measured time on a board divided by estimated cycles at zero wait states, and where that was measured."""

    value: float
    board: str
    source: str


@dataclass(frozen=True, kw_only=True)
class HardwareProfile:
    """A microcontroller."""

    name: str
    """What ``--target`` says: lower case, no spaces."""
    title: str
    vendor: str
    core: str
    """The processor core toolchains and runners know: ``cortex-m7``."""
    features: frozenset[str]
    """What the core has beyond its architecture: ``dsp``, ``fpu-sp``, ``fpu-dp``."""
    clock_hz: int
    """Highest clock of the part."""
    regions: tuple[MemoryRegion, ...]
    sources: Mapping[str, str]
    """Datasheet or manual behind each figure, by key of the profile."""
    board_factor: BoardFactor | None = None
    milliwatts_per_megahertz: float | None = None
    """Typical run-mode power, from the datasheet; None where no figure is known."""

    def region(self, name: str) -> MemoryRegion:
        """The region called ``name``.

        Raises:
            InputError: there is none; the message lists those there are.
        """
        for region in self.regions:
            if region.name == name:
                return region
        known = ", ".join(region.name for region in self.regions)
        raise InputError(f"has no memory region {name!r}", place=f"target {self.name}", remedy=f"choose one of {known}")

    def largest(self, kind: Literal["flash", "sram"]) -> MemoryRegion:
        """The largest region of a kind, the first of equals."""
        return max((region for region in self.regions if region.kind == kind), key=lambda region: region.size)
