"""Checks of hardware profiles: what the core, a linker script and a reader of figures rely on."""

from __future__ import annotations

from itertools import pairwise

from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.testing.conformance.check import Check, require
from tinyml_core.testing.conformance.subject import Subject

ALWAYS_SOURCED = ("core", "features", "clock_hz", "regions")
"""Figures of every profile."""
ADDRESS_SPACE = 2**32
WORD = 4
"""Bytes to which memory begins and ends."""


def profile_has_the_components_name(subject: Subject) -> None:
    """The profile is called as its component, so that ``--target`` and reports say the same."""
    name = subject.make(HardwareProfile).name
    require(name == subject.component.name, f"it is called {name!r}")


def regions_are_memory_of_the_part(subject: Subject) -> None:
    """There is flash and SRAM, in regions that begin and end at words, do not overlap and lie within 32 bits."""
    regions = sorted(subject.make(HardwareProfile).regions, key=lambda region: region.origin)
    for kind in ("flash", "sram"):
        require(any(region.kind == kind for region in regions), f"no region is {kind}")
    for region in regions:
        fits = region.origin >= 0 and region.size > 0 and region.origin + region.size <= ADDRESS_SPACE
        require(fits, f"{region.name} does not lie within 32 bits")
        require(region.origin % WORD == region.size % WORD == 0, f"{region.name} does not begin and end at words")
    for one, following in pairwise(regions):
        require(one.origin + one.size <= following.origin, f"{one.name} and {following.name} overlap")


def figures_are_plausible(subject: Subject) -> None:
    """The clock is from 1 MHz to 10 GHz, and power and board factor, where they are told, are positive."""
    profile = subject.make(HardwareProfile)
    require(10**6 <= profile.clock_hz <= 10**10, f"the clock is {profile.clock_hz} Hz")
    power, factor = profile.milliwatts_per_megahertz, profile.board_factor
    require(power is None or 0 < power < 100, f"the power is {power} mW/MHz")
    require(factor is None or 0 < factor.value < 100, f"the board factor is {factor.value if factor else None}")


def figures_have_sources(subject: Subject) -> None:
    """Each figure names the document it is from, because nobody can check a figure without."""
    profile = subject.make(HardwareProfile)
    wanted = (*ALWAYS_SOURCED, *(["milliwatts_per_megahertz"] * (profile.milliwatts_per_megahertz is not None)))
    missing = [key for key in wanted if not profile.sources.get(key, "").strip()]
    require(not missing, f"{', '.join(missing)} has no source")


def tools_are_installed(subject: Subject) -> None:
    """The generator, kernels, toolchain and runner that it names are components that installed plugins bring."""
    tools = subject.make(HardwareProfile).tools
    wanted = [("code-generator", tools.generator), ("runner", tools.runner)]
    wanted += [("toolchain", tools.toolchain)] if tools.toolchain else []
    for kind, name in [*wanted, *(("kernel", kernel) for kernel in tools.kernels)]:
        known = subject.platform.registry.names(kind)
        found = name.rpartition(":")[2] in {each.rpartition(":")[2] for each in known}
        require(found, f"{kind} {name!r} is none of {', '.join(known) or 'those installed, of which there are none'}")


def answer(subject: Subject) -> object:
    """The profile itself."""
    return subject.make(HardwareProfile)


CHECKS = (
    Check(profile_has_the_components_name),
    Check(regions_are_memory_of_the_part),
    Check(figures_are_plausible),
    Check(figures_have_sources),
    Check(tools_are_installed),
)
"""Those of a hardware profile."""
