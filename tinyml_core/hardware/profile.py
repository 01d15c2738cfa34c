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
class Tools:
    """Names of the components that are used for a part where the user names no others."""

    generator: str = "tinyengine"
    """Code generator."""
    kernels: tuple[str, ...] = ()
    """Kernels that the code generator takes beside its own."""
    toolchain: str | None = None
    """Compiler; the first usable one when None."""
    runner: str = "unicorn"
    """Machine that executes binaries."""


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
    tools: Tools = Tools()
    """What knows the part, where the platform's own tools do not."""

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
