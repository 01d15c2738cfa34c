"""Machines: the boards that QEMU emulates, with memory enough for a network."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.errors import UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_plugins.simulator.elf import Image

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Machine:
    """A board; memory as (origin, bytes)."""

    core: str
    memory: tuple[tuple[int, int], ...]
    spare: int
    """A page of executable memory that no program is linked to."""

    def holds(self, image: Image) -> bool:
        """Whether all of a binary, its stack and .bss included, lies in the machine's memory."""
        spans = [(at, max(size, len(data))) for load, run, data, size in image.segments for at in {load, run}]
        return all(
            any(origin <= at and at + size <= origin + room for origin, room in self.memory) for at, size in spans
        )


MACHINES = {
    "netduinoplus2": Machine(  # STM32F405
        "cortex-m4", ((0x0800_0000, _MIB - 0x1000), (0x2000_0000, 128 * 1024)), 0x080F_F000
    ),
    "mps2-an386": Machine("cortex-m4", ((0, 4 * _MIB), (0x2000_0000, 4 * _MIB)), 0x2100_0000),
    "mps2-an500": Machine("cortex-m7", ((0, 4 * _MIB), (0x2000_0000, 4 * _MIB)), 0x6000_0000),
    "mps2-an505": Machine("cortex-m33", ((0x1000_0000, 4 * _MIB), (0x3800_0000, 4 * _MIB)), 0x3000_0000),
}
"""By QEMU's name. The last one starts in the secure state, and so only its secure addresses are listed."""


def machine_for(profile: HardwareProfile, image: Image) -> str:
    """The first machine with the profile's core that holds the binary.

    Raises:
        UnsupportedError: there is none.
    """
    known = {name: machine for name, machine in MACHINES.items() if machine.core == profile.core}
    for name, machine in known.items():
        if machine.holds(image):
            return name
    place = f"target {profile.name}"
    if not known:
        cores = ", ".join(sorted({machine.core for machine in MACHINES.values()}))
        raise UnsupportedError(
            f"QEMU has no machine of ours with core {profile.core!r}", place=place, remedy=f"choose one of {cores}"
        )
    memory = "; ".join(
        f"{name} " + ", ".join(f"0x{origin:08x} (0x{size:x} bytes)" for origin, size in machine.memory)
        for name, machine in known.items()
    )
    raise UnsupportedError(
        f"the binary lies where no {profile.core} machine of QEMU has memory ({memory})", place=place,
        remedy="compile for a profile with its regions there; see docs/benchmarks.md",
    )  # fmt: skip
