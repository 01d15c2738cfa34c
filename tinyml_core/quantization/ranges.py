"""Range choices: which part of the values that a tensor takes its 256 integers shall cover.

A watch sees a tensor's values batch by batch and keeps a bounded amount of memory, however many samples there are.
The three ways are those of Nagel et al., "A White Paper on Neural Network Quantization", arXiv 2106.08295, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import InputError
from tinyml_core.quantization.scales import Range

Values = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]

RangeMethod = Literal["min-max", "percentile", "mse"]
"""Names of the range choices: everything seen, without its tails, or what rounding and clipping hurt least."""

KEY_BITS = 14
"""Leading bits of a float32 that tell bins apart: sign, exponent and five bits of the mantissa (bins 3 % wide)."""
SHRINKING = 0.97
"""Factor between one candidate for a limit and the next."""
CANDIDATES = 128
"""Candidates for a limit, the last a fiftieth of the first."""


class Watch(Protocol):
    """Sees the values of one tensor."""

    def see(self, values: Values) -> None:
        """Take note of one batch, of any shape but empty."""
        ...

    def range(self) -> Range:
        """The range chosen; not finite when the values were not."""
        ...


class Extremes:
    """Least and greatest value: nothing is clipped."""

    def __init__(self) -> None:
        self._low, self._high = math.inf, -math.inf

    def see(self, values: Values) -> None:
        """Take note of one batch."""
        self._low = float(np.minimum(self._low, values.min()))  # NumPy's minimum keeps a NaN, Python's may drop it
        self._high = float(np.maximum(self._high, values.max()))

    def range(self) -> Range:
        """Least and greatest value seen."""
        return self._low, self._high


class Percentiles:
    """A percentile and its mirror image, averaged over the batches, which withstands outliers."""

    def __init__(self, percentile: float) -> None:
        if not 50 < percentile <= 100:
            raise InputError(
                f"{percentile} cuts everything", place="percentile", remedy="give more than 50, at most 100"
            )
        self._percentile = percentile
        self._batches: list[Range] = []

    def see(self, values: Values) -> None:
        """Take note of one batch."""
        with np.errstate(invalid="ignore"):  # an infinity less another is not finite either, which is reported
            low, high = np.percentile(values.astype(np.float64), (100 - self._percentile, self._percentile))
        self._batches.append((float(low), float(high)))

    def range(self) -> Range:
        """Mean of the percentiles of the batches."""
        low, high = np.mean(self._batches, axis=0)
        return float(low), float(high)


class LeastSquares:
    """The range whose squared error, by rounding within it and by clipping beyond it, is least.

    The error is summed over a histogram with bins of constant relative width, which needs no second look at the values
    and no guess at their range.
    """

    def __init__(self) -> None:
        self._extremes = Extremes()
        self._counts = np.zeros(1 << KEY_BITS, np.int64)

    def see(self, values: Values) -> None:
        """Take note of one batch."""
        self._extremes.see(values)
        keys = np.ascontiguousarray(values, np.float32).ravel().view(np.uint32) >> np.uint32(32 - KEY_BITS)
        self._counts += np.bincount(keys, minlength=1 << KEY_BITS)

    def range(self) -> Range:
        """The best range found by improving one limit after the other."""
        seen = self._extremes.range()
        if not all(map(math.isfinite, seen)):
            return seen
        keys = np.flatnonzero(self._counts).astype(np.uint32)
        middles = ((keys << np.uint32(32 - KEY_BITS)) | np.uint32(1 << (31 - KEY_BITS))).view(np.float32)
        return least_squares_range(np.clip(middles.astype(np.float64), *seen), self._counts[keys], seen)


def least_squares_range(values: Reals, counts: npt.NDArray[np.int64], seen: Range) -> Range:
    """The part of ``seen`` for which ``values``, each ``counts`` times, lose least by 256 steps; it includes 0."""
    low, high = min(seen[0], 0.0), max(seen[1], 0.0)
    shrunk: Reals = np.power(SHRINKING, np.arange(CANDIDATES), dtype=np.float64)
    lows, highs = low * shrunk, high * shrunk
    least = math.inf
    while True:
        errors = squared_error(values, counts, low, highs)
        high = float(highs[errors.argmin()])
        errors = squared_error(values, counts, lows, high)
        low = float(lows[errors.argmin()])
        if not errors.min() < least:
            return low, high
        least = float(errors.min())


def squared_error(values: Reals, counts: npt.NDArray[np.int64], low: Reals | float, high: Reals | float) -> Reals:
    """Expected squared error for each pair of limits; rounding errs evenly by up to half a step, but never at 0."""
    low, high = np.broadcast_arrays(np.asarray(low)[..., None], np.asarray(high)[..., None])
    beyond = np.maximum(low - values, 0) + np.maximum(values - high, 0)
    rounding = np.minimum(((high - low) / 255) ** 2 / 12, values**2)
    error: Reals = (np.where(beyond > 0, beyond**2, rounding) * counts).sum(axis=-1)
    return error


def watching(method: RangeMethod, percentile: float) -> Callable[[], Watch]:
    """What makes the watches of a range choice; ``percentile`` counts for one of them and is checked for all.

    Raises:
        InputError: the percentile is not within 50 to 100.
    """
    Percentiles(percentile)
    watches: dict[RangeMethod, Callable[[], Watch]] = {
        "min-max": Extremes, "percentile": lambda: Percentiles(percentile), "mse": LeastSquares,
    }  # fmt: skip
    return watches[method]
