"""Figures: the stable objects that ``--json`` prints, each labelled with how far to trust it.

Sizes are bytes. ``sram_bytes`` is disjoint and sums to ``total``: what the network needs beyond an empty ``main``.
Inputs and outputs lie inside the arena, which reuses their memory, so ``input`` and ``output`` count only bytes outside
it.
"""

from __future__ import annotations

from typing import Any

from tinyml_core.api.runner import Cycles
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.manifest import Manifest

ZERO_WAIT_FACTOR = 1.6
"""High end of milliseconds where no board was measured: flash wait states and caches cost up to this factor on the
boards that were (docs/cycles.md)."""


def sram_bytes(manifest: Manifest, stack: int) -> dict[str, int]:
    """SRAM by part; ``stack`` is the high-water mark measured, or the reserve where nothing ran."""
    static = manifest.static_bytes - manifest.arena_bytes
    parts = {"arena": manifest.arena_bytes, "input": 0, "output": 0, "static": static, "stack": stack}
    return parts | {"total": sum(parts.values())}


def flash_bytes(manifest: Manifest) -> dict[str, int]:
    """Flash by part: ``weights`` are all constants, ``code`` all instructions including start-up."""
    return {
        "weights": manifest.constant_bytes,
        "code": manifest.code_bytes,
        "total": manifest.constant_bytes + manifest.code_bytes,
    }


def milliseconds(cycles: Cycles, profile: HardwareProfile) -> dict[str, Any]:
    """A range: zero wait states at the highest clock, up to the factor measured on a named board."""
    factor = profile.board_factor
    high = factor.value if factor else ZERO_WAIT_FACTOR
    return {
        "low": round(cycles.low / profile.clock_hz * 1e3, 4),
        "high": round(cycles.high * high / profile.clock_hz * 1e3, 4),
        "board": f"x{high:g} measured on {factor.board}" if factor else f"x{high:g}, no board of this kind measured",
    }


def cycles_object(cycles: Cycles) -> dict[str, Any]:
    """Cycles at zero wait states and the timing table they come from."""
    return {"core": cycles.core, "low": cycles.low, "high": cycles.high, "model": cycles.model, "basis": "estimated"}


def microjoules(cycles: Cycles, profile: HardwareProfile) -> dict[str, Any] | None:
    """Energy at the profile's published power, where it has one: 1 mW / MHz is 1 nJ a cycle; wait states are cycles."""
    power = profile.milliwatts_per_megahertz
    if power is None:
        return None
    waits = profile.board_factor.value if profile.board_factor else ZERO_WAIT_FACTOR
    low, core, high = (round(each * power / 1000, 3) for each in (cycles.low, cycles.core, cycles.high * waits))
    return {"core": core, "low": low, "high": high, "basis": "estimated"}
