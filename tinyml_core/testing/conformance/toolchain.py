"""Checks of toolchains: what they build, what they say of its size, and how they refuse."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from tinyml_core.api.toolchain import Binary, Toolchain
from tinyml_core.errors import CapacityError, ToolchainError, UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.testing.conformance.check import Check, NotApplicable, refusal, require
from tinyml_core.testing.conformance.samples.machine import PROBE, STACK, profiles, written
from tinyml_core.testing.conformance.subject import Subject

KILOBYTE = 1024
TABLE = "#include <stdint.h>\nvolatile uint8_t kit_table[{size}];\nint main(void) {{ return kit_table[{last}]; }}\n"
BROKEN = "int main(void) { return kit_enigma; }\n"


def says_what_is_missing(subject: Subject) -> None:
    """It is usable, or says in one sentence what is missing."""
    reason = subject.make(Toolchain).missing()
    require(reason is None or (reason.strip() and reason.isprintable()), f"it says {reason!r}")


def builds_what_fits(subject: Subject) -> None:
    """The binary of a small program lies where it was asked for, and its parts have plausible sizes."""
    binary = _built(subject, {"probe.c": PROBE})
    require(0 < binary.code < 64 * KILOBYTE, f"a program of three lines has {binary.code} bytes of code")
    require(binary.compiler.strip(), "it does not name the compiler")


def sizes_are_those_of_the_data(subject: Subject) -> None:
    """A table of 1000 bytes more makes ``static`` 1000 bytes more, to the word."""
    small, large = (_built(subject, {"table.c": TABLE.format(size=size, last=size - 1)}) for size in (1000, 2000))
    grown = large.static - small.static
    require(abs(grown - 1000) < 16, f"1000 bytes more of data are {grown} bytes more of static")


def overflow_is_a_capacity_error(subject: Subject) -> None:
    """A table greater than the region ends in CapacityError that names the region."""
    profile = _profile(subject)
    region = profile.largest("sram")
    source = TABLE.format(size=region.size + KILOBYTE, last=region.size)
    error = refusal(lambda: _built(subject, {"table.c": source}), "a table greater than its region")
    require(isinstance(error, CapacityError), f"a table greater than its region raised {type(error).__name__}: {error}")
    require(region.name in str(error), f"{str(error)!r} does not name the region {region.name}")


def broken_sources_are_refused(subject: Subject) -> None:
    """A source that does not compile ends in ToolchainError that holds the compiler's word, and leaves no binary."""
    error = refusal(lambda: _built(subject, {"broken.c": BROKEN}), "a broken source")
    require(isinstance(error, ToolchainError), f"a broken source raised {type(error).__name__}: {error}")
    require("kit_enigma" in str(error), f"{str(error)!r} does not say what is wrong in the source")


def unknown_cores_are_refused(subject: Subject) -> None:
    """A core that it does not know ends in UnsupportedError that names the core."""
    profile = replace(_profile(subject), core="enigma-9000")
    error = refusal(lambda: _built(subject, {"probe.c": PROBE}, profile), "an unknown core")
    require(isinstance(error, UnsupportedError), f"an unknown core raised {type(error).__name__}: {error}")
    require("enigma-9000" in str(error), f"{str(error)!r} does not name the core")


def _profile(subject: Subject) -> HardwareProfile:
    """The first profile that it builds for."""
    hindrance = "there are no targets"
    for profile in profiles(subject):
        try:
            _built(subject, {"probe.c": PROBE}, profile)
        except UnsupportedError as error:
            hindrance = str(error)
        else:
            return profile
    raise NotApplicable(f"it builds for no installed target: {hindrance}")


def _built(subject: Subject, sources: dict[str, str], profile: HardwareProfile | None = None) -> Binary:
    toolchain = subject.make(Toolchain)
    if (reason := toolchain.missing()) is not None:
        raise NotApplicable(reason)
    profile = profile or _profile(subject)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "program.elf"
        region = profile.largest("sram").name
        try:
            binary = toolchain.build(written(sources, folder), path, profile, region=region, stack=STACK)
        except (ToolchainError, CapacityError):
            require(not path.exists(), "it left a binary behind that it refused to build")
            raise
        require(path.exists() and binary.path == path, f"the binary is not at {path.name}")
    return binary


CHECKS = (
    Check(says_what_is_missing),
    Check(builds_what_fits, slow=True),
    Check(sizes_are_those_of_the_data, slow=True),
    Check(overflow_is_a_capacity_error, slow=True),
    Check(broken_sources_are_refused, slow=True),
    Check(unknown_cores_are_refused, slow=True),
)
"""Those of a toolchain."""
