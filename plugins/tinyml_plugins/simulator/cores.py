"""Cores: how each compiler spells a processor core with its features.

Zig takes underscores and wants every unit named: a bare ``cortex_m7`` has no FPU, a bare ``cortex_m33`` no DSP either.
GCC wants hyphens, and takes units away instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinyml_core.errors import UnsupportedError
from tinyml_core.hardware.profile import HardwareProfile

Fpu = Literal["", "fpu-sp", "fpu-dp"]


@dataclass(frozen=True)
class Core:
    """One processor core: compiler spellings of its FPUs by feature, and of an optional DSP extension."""

    zig_fpu: dict[Fpu, str]
    gcc_fpu: dict[Fpu, str]
    optional_dsp: bool = False


CORES: dict[str, Core] = {
    "cortex-m0plus": Core({}, {}),
    "cortex-m3": Core({}, {}),
    "cortex-m4": Core({"fpu-sp": "vfp4d16sp"}, {"fpu-sp": "fpv4-sp-d16"}),
    "cortex-m7": Core(
        {"fpu-sp": "fp_armv8d16sp", "fpu-dp": "fp_armv8d16"}, {"fpu-sp": "fpv5-sp-d16", "fpu-dp": "fpv5-d16"}
    ),
    "cortex-m33": Core({"fpu-sp": "fp_armv8d16sp"}, {"fpu-sp": "fpv5-sp-d16"}, optional_dsp=True),
}


def core_of(profile: HardwareProfile) -> Core:
    """The core of a profile.

    Raises:
        UnsupportedError: it is not in the table.
    """
    core = CORES.get(profile.core)
    if core is None:
        raise UnsupportedError(
            f"core {profile.core!r} is unknown to the simulator plugin",
            place=f"target {profile.name}",
            remedy=f"choose a target with one of {', '.join(CORES)}",
        )
    return core


def fpu_of(profile: HardwareProfile) -> Fpu:
    """The best FPU that the profile names and its core can have, "" where there is none."""
    known = core_of(profile).gcc_fpu
    units: tuple[Fpu, ...] = ("fpu-dp", "fpu-sp")
    return next((unit for unit in units if unit in profile.features and unit in known), "")


def zig_flags(profile: HardwareProfile) -> list[str]:
    """Target flags of ``zig cc``."""
    core, fpu = core_of(profile), fpu_of(profile)
    cpu = profile.core.replace("-", "_")
    if core.optional_dsp and "dsp" in profile.features:
        cpu += "+dsp"
    if fpu:
        cpu += f"+{core.zig_fpu[fpu]}"
    return ["-target", f"thumb-freestanding-eabi{'hf' if fpu else ''}", f"-mcpu={cpu}"]


def gcc_flags(profile: HardwareProfile) -> list[str]:
    """Target flags of ``arm-none-eabi-gcc``."""
    core, fpu = core_of(profile), fpu_of(profile)
    cpu = profile.core
    if core.optional_dsp and "dsp" not in profile.features:
        cpu += "+nodsp"
    unit = [f"-mfpu={core.gcc_fpu[fpu]}", "-mfloat-abi=hard"] if fpu else ["-mfloat-abi=soft"]
    return [f"-mcpu={cpu}", "-mthumb", *unit]
