"""Unicorn runner: loads a binary into an emulated RV32 with the profile's memory and nothing else.

Instructions are those of the SiFive E31 (RV32IMAC), the smallest core that Unicorn has; binaries use no others than
RV32IMC. Not enforced by the emulator: that the instruction bus of the ESP32-C3 reads whole words only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile

if TYPE_CHECKING:
    from tinyml_esp32c3.emulator.device import RiscvDevice

_PAGE = 4096


@dataclass(frozen=True, kw_only=True)
class UnicornRiscv32:
    """Runs binaries on an emulated core."""

    timeout_seconds: float = 120.0
    """Longest a call may take, by the clock on the wall; it changes no result."""

    def __post_init__(self) -> None:
        if not 0 < self.timeout_seconds < 1e6:
            raise ValueError(f"timeout_seconds is {self.timeout_seconds}, it must be positive and below 10**6")

    def load(self, binary: Path, profile: HardwareProfile) -> RiscvDevice:
        """A fresh machine with ``binary`` in its memory, .data initialised and .bss zero.

        Raises:
            UnsupportedError: the core is another one, or a region cannot be mapped.
            InputError: the binary cannot be read, or was linked for other memory.
        """
        from tinyml_esp32c3.emulator.device import RiscvDevice
        from tinyml_esp32c3.emulator.engine import EngineError, riscv, unicorn
        from tinyml_esp32c3.emulator.image import read_image
        from tinyml_esp32c3.toolchain import CORE

        if profile.core != CORE:
            raise UnsupportedError(f"core {profile.core!r} is not {CORE}", place=f"target {profile.name}")
        image = read_image(binary)
        engine = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        engine.ctl_set_cpu_model(riscv.UC_CPU_RISCV32_SIFIVE_E31)
        access = {
            "flash": unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC,
            "sram": unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE,
        }
        for region in profile.regions:
            if region.origin % _PAGE or region.size % _PAGE:
                raise UnsupportedError(
                    f"region {region.name} does not fall on {_PAGE}-byte pages", place=f"target {profile.name}"
                )
            engine.mem_map(region.origin, region.size, access[region.kind])
        for load, run, data in image.segments:
            for address in {load, run} if data else ():
                try:
                    engine.mem_write(address, data)
                except EngineError as error:
                    raise InputError(
                        f"has {len(data)} bytes at 0x{address:08x}, where target {profile.name} has no memory",
                        place=str(binary), remedy="build it for this target",
                    ) from error  # fmt: skip
        return RiscvDevice(engine, image, profile, self.timeout_seconds)
