"""Cost table: cycles of each kernel by what it processes, fitted to what the emulated core measured.

The layers had 4 to 64 channels, in both rounding modes, compiled with ``zig -O3``. The tests hold the estimate of every
layer to within a factor of 1.5 of the measurement, that of a network to within a quarter.
"""

from __future__ import annotations

from typing import NamedTuple

from tinyml_core.hardware.profile import HardwareProfile


class Rate(NamedTuple):
    """Cycles of a kernel."""

    per_step: float
    """For each multiply-accumulate inside the image, or each element read."""
    per_output: float
    """For each element written."""


RATES: dict[str, Rate] = {
    "conv2d-fours": Rate(6.1, 34.0),
    "conv2d": Rate(11.7, 5.0),
    "depthwise": Rate(11.0, 12.0),
    "max-pool": Rate(5.6, 3.0),
    "average-pool": Rate(11.0, 4.0),
    "mean": Rate(4.2, 5.0),
    "add-once": Rate(0.0, 19.8),  # rounds so often
    "add-twice": Rate(0.0, 30.0),
    "look-up": Rate(0.0, 10.0),
    "softmax": Rate(0.0, 69.0),
}
"""On RV32IMC as the runner of this distribution times it."""
OTHER_CORES = 0.7
"""Cycles on a core that is not in the table, relative to RV32IMC: they still rank the kernels."""


def cycles(kernel: str, profile: HardwareProfile, *, steps: int, outputs: int) -> float:
    """Estimated cycles of one execution."""
    rate = RATES[kernel]
    known = rate.per_step * steps + rate.per_output * outputs
    return known if profile.core == "rv32imc" else known * OTHER_CORES
