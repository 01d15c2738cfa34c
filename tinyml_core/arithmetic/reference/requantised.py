"""From accumulators to activations, as every integer kernel ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import Requantisation
from tinyml_core.arithmetic.requantise import Int64, requantise, wrap_int32


def requantised(accumulator: Int64, to: Requantisation, dtype: npt.DTypeLike = np.int8) -> npt.NDArray[Any]:
    """Wrap ``accumulator`` [..., channels] to 32 bits (a wide one fits), rescale it, add the zero point and clamp."""
    wrapped = accumulator if to.by.wide else wrap_int32(accumulator)
    return np.clip(requantise(wrapped, to.by) + to.zero_point, to.low, to.high).astype(dtype)
