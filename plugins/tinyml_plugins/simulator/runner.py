"""Unicorn runner: loads a linked binary into an emulated Cortex-M with the profile's memory and nothing else.

Unicorn's microcontroller mode is not used: with it every core model becomes a Cortex-M33. Not enforced by the emulator:
alignment of LDRD and LDM, an FPU without double precision on the Cortex-M7, exceptions (functions are called directly).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_core.errors import InputError, ToolchainError, UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile

if TYPE_CHECKING:
    from tinyml_plugins.simulator.device import UnicornDevice

MODELS = {
    "cortex-m0plus": "UC_CPU_ARM_CORTEX_M0",  # the same Armv6-M instructions
    "cortex-m3": "UC_CPU_ARM_CORTEX_M3",
    "cortex-m4": "UC_CPU_ARM_CORTEX_M4",
    "cortex-m7": "UC_CPU_ARM_CORTEX_M7",
    "cortex-m33": "UC_CPU_ARM_CORTEX_M33",
}
"""Unicorn's CPU model by core."""

_PAGE = 4096
_SYSTEM_CONTROL_SPACE = 0xE000E000
_REQUIRED = {"unicorn": "unicorn", "elftools": "pyelftools", "capstone": "capstone"}


@dataclass(frozen=True, kw_only=True)
class UnicornRunner:
    """Runs binaries on an emulated core.

    ``max_instructions`` is deterministic, ``timeout_seconds`` a guard against a machine too slow to reach it; neither
    changes a result, they only turn a call that goes on too long into a :class:`DeviceFault`.
    """

    timeout_seconds: float = 60.0
    """Longest a call may take, by the clock on the wall."""
    max_instructions: int = 20_000_000_000
    """Most instructions a call may execute; needs the compiled block hook, except in profiled calls."""
    compiled_hook: bool = True
    """Count blocks in C where that can be compiled; otherwise in Python, with the same counts."""

    def load(self, binary: Path, profile: HardwareProfile) -> UnicornDevice:
        """A fresh machine with ``binary`` in its memory, .data initialised and .bss zero.

        Raises:
            ToolchainError: a package is missing.
            UnsupportedError: the core is unknown, or a region cannot be mapped.
            InputError: the binary cannot be read, or was linked for other memory.
        """
        for module, package in _REQUIRED.items():
            if importlib.util.find_spec(module) is None:
                raise ToolchainError(
                    f"the package {package} is not installed", place="runner unicorn", remedy=f"pip install {package}"
                )
        if profile.core not in MODELS:
            raise UnsupportedError(
                f"core {profile.core!r} is unknown to the emulator",
                place=f"target {profile.name}",
                remedy=f"choose a target with one of {', '.join(MODELS)}",
            )
        if self.timeout_seconds <= 0 or self.max_instructions <= 0:
            raise InputError("timeout_seconds and max_instructions must be positive", place="runner unicorn")
        from tinyml_plugins.simulator.device import UnicornDevice
        from tinyml_plugins.simulator.elf import read_image
        from tinyml_plugins.simulator.engine import EngineError, new_engine, unicorn

        image = read_image(binary)
        engine = new_engine(MODELS[profile.core])
        permissions = {
            "flash": unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC,
            "sram": unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE,
        }
        for region in profile.regions:
            if region.origin % _PAGE or region.size % _PAGE:
                raise UnsupportedError(
                    f"region {region.name} does not fall on {_PAGE}-byte pages, all the emulator can map",
                    place=f"target {profile.name}",
                )
            try:
                engine.mem_map(region.origin, region.size, permissions[region.kind])
            except EngineError as error:
                raise UnsupportedError(
                    f"region {region.name} cannot be mapped ({error}); it may overlap another",
                    place=f"target {profile.name}",
                ) from error
        engine.mem_map(_SYSTEM_CONTROL_SPACE, _PAGE, permissions["sram"])
        for load, run, data, _ in image.segments:
            for address in {load, run} if data else ():
                try:
                    engine.mem_write(address, data)
                except EngineError as error:
                    raise InputError(
                        f"has {len(data)} bytes at 0x{address:08x}, where target {profile.name} has no memory",
                        place=str(binary),
                        remedy="build it for this target",
                    ) from error
        return UnicornDevice(
            engine,
            image,
            profile,
            timeout_seconds=self.timeout_seconds,
            max_instructions=self.max_instructions,
            compiled_hook=self.compiled_hook,
        )
