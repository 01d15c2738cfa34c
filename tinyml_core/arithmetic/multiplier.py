"""Fixed-point multipliers: a real scale as the integers a core multiplies with.

``tflite``: ``mantissa / 2**31 * 2**shift`` with the mantissa in [2**30, 2**31), as TensorFlow Lite's QuantizeMultiplier
rounds it. ``single``: ``mantissa / 2**32 * 2**shift`` with ``shift >= 0`` as small as keeps the mantissa below
2**31; it is 0 unless the scale is one half or more, and then one SMMULR or SMMLAR does the job. Accumulators of 64 bits
have *wide* multipliers in both modes: ``mantissa / 2**15 * 2**shift``, the mantissa below 2**15, as TensorFlow Lite's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Rounding

LARGEST_WIDE_SHIFT = 7
"""TensorFlow Lite's limit for accumulators below 2**47."""


@dataclass(frozen=True)
class Multipliers:
    """One (mantissa, shift) per channel, or a single one for all; shifts to the left are positive.

    Shifts may differ between channels in both modes. ``wide`` ones are for accumulators of 64 bits.
    """

    rounding: Rounding
    mantissa: tuple[int, ...]
    shift: tuple[int, ...]
    wide: bool = False


def quantise_multiplier(real: float) -> tuple[int, int]:
    """Mantissa and shift of a non-negative real number, as TensorFlow Lite computes them (two-rounding build)."""
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    mantissa = math.floor(fraction * 2.0**31 + 0.5)
    if mantissa == 1 << 31:
        mantissa, shift = mantissa >> 1, shift + 1
    return (0, 0) if shift < -31 else (mantissa, shift)


def single_multiplier(real: float) -> tuple[int, int]:
    """Mantissa below 2**31 and smallest shift of a non-negative real number; ties round up."""
    shift = max(0, math.frexp(real)[1] + 1) if real else 0
    mantissa = math.floor(math.ldexp(real, 32 - shift) + 0.5)
    return (mantissa, shift) if mantissa < 1 << 31 else (mantissa >> 1, shift + 1)


def wide_multiplier(real: float) -> tuple[int, int]:
    """Mantissa of 15 bits and shift of a non-negative real number, as TensorFlow Lite reduces them (``common.cc``)."""
    mantissa, shift = quantise_multiplier(real)
    return min((mantissa + (1 << 15)) >> 16, (1 << 15) - 1), shift


def wide_multipliers(scales: Sequence[float], rounding: Rounding, place: str = "") -> Multipliers:
    """Fixed-point form of non-negative scales for accumulators of 64 bits.

    Raises:
        UnsupportedError: a scale is 2**7 or more; ``place`` goes into the message.
    """
    pairs = [wide_multiplier(scale) if math.isfinite(scale) else (0, 64) for scale in scales]
    if max(shift for _, shift in pairs) > LARGEST_WIDE_SHIFT:
        raise UnsupportedError(
            f"a rescaling by {max(scales):g} is beyond 64-bit arithmetic", place=place, remedy="check the scales"
        )
    return Multipliers(rounding, tuple(m for m, _ in pairs), tuple(s for _, s in pairs), wide=True)


def multipliers(scales: Sequence[float], rounding: Rounding, place: str = "") -> Multipliers:
    """Fixed-point form of non-negative scales.

    Raises:
        UnsupportedError: a scale is 2**30 or more, which no accumulator survives; ``place`` goes into the message.
    """
    greatest = max(scales)
    if not greatest < 2.0**30:
        raise UnsupportedError(
            f"a rescaling by {greatest:g} is beyond 32-bit arithmetic", place=place, remedy="check the scales"
        )
    convert = quantise_multiplier if rounding is Rounding.TFLITE else single_multiplier
    pairs = [convert(scale) for scale in scales]
    return Multipliers(rounding, tuple(m for m, _ in pairs), tuple(s for _, s in pairs))
