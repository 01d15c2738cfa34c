"""From accumulators to int8 activations, as every integer kernel ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import Requantisation
from tinyml_core.arithmetic.requantise import Int64, requantise, wrap_int32


def requantised(accumulator: Int64, to: Requantisation, dtype: npt.DTypeLike = np.int8) -> npt.NDArray[Any]:
    """Wrap ``accumulator`` [..., channels] to 32 bits, rescale it, add the zero point and clamp."""
    return np.clip(requantise(wrap_int32(accumulator), to.by) + to.zero_point, to.low, to.high).astype(dtype)
