"""A sound hardware profile, and what violates a check of profiles."""

from __future__ import annotations

from functools import partial

from broken_plugins.mutant import Mutant
from tinyml_core.component import Component
from tinyml_core.hardware import HardwareProfile, MemoryRegion, Tools

FLASH, SRAM = MemoryRegion("FLASH", "flash", 0x0800_0000, 65536), MemoryRegion("SRAM", "sram", 0x2000_0000, 16384)
SOURCES = dict.fromkeys(("core", "features", "clock_hz", "regions"), "data sheet, page 1")


def profile(name: str, **changes: object) -> HardwareProfile:
    """A Cortex-M4, or what it is changed into."""
    sound = {
        "name": name, "title": "Kit", "vendor": "Kit", "core": "cortex-m4", "features": frozenset({"dsp"}),
        "clock_hz": 10**8, "regions": (FLASH, SRAM), "sources": SOURCES,
    }  # fmt: skip
    return HardwareProfile(**{**sound, **changes})  # type: ignore[arg-type]


BROKEN = {
    "profile-has-the-components-name": {"name": "another"},
    "regions-are-memory-of-the-part": {"regions": (FLASH, SRAM, MemoryRegion("CCM", "sram", 0x2000_1000, 16384))},
    "figures-are-plausible": {"clock_hz": 0},
    "figures-have-sources": {"sources": {**SOURCES, "regions": " "}},
    "tools-are-installed": {"tools": Tools(runner="enigma")},
}
MUTANTS = tuple(
    Mutant(
        check,
        "hardware-profile",
        Component(f"part-{number}", partial(profile, **{"name": f"part-{number}", **changes}), f"violates {check}"),
    )
    for number, (check, changes) in enumerate(BROKEN.items())
)
