"""Biases in the scale of the accumulator, such that no accumulator can overflow 32 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.tensor import Tensor
from tinyml_plugins.importers.onnx.emission import Call
from tinyml_plugins.importers.onnx.network import Array

LEAST, GREATEST = -(1 << 31), (1 << 31) - 1
NEGLIGIBLE = 2.0**-10
"""Steps of the output by which a bias may be moved; seen in the seed's networks: up to 0.0004."""


def integer_bias(
    call: Call, real: Array, source: Tensor, weights: Array, scales: Sequence[float]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Biases [channels] as integers, and their scales; ``weights`` are int8 with the output channel first.

    onnxruntime adds biases in float, where nothing overflows. A bias so large that the accumulator might is moved
    back as far as it must: channels that training has switched off have tiny scales and such biases. That is accepted
    where the output stays at its limit, or moves by less than :data:`NEGLIGIBLE`.

    Raises:
        UnsupportedError: it would move the output by more.
    """
    assert call.quantization is not None
    products = source.scale * np.broadcast_to(np.array(scales, np.float64), (weights.shape[0],))
    wide = weights.reshape(weights.shape[0], -1).astype(np.int64)
    low, high = source.dtype.limits
    ends = wide * (low - source.zero_point), wide * (high - source.zero_point)
    least = np.minimum(*ends).sum(axis=1)
    greatest = np.maximum(*ends).sum(axis=1)
    wanted = np.rint(real / products)
    data = np.clip(wanted, LEAST - least, GREATEST - greatest)
    step = products / call.quantization.scale[0]
    point = call.quantization.zero_point[0]
    stays_high = (data < wanted) & ((data + least) * step + point >= 127)
    stays_low = (data > wanted) & ((data + greatest) * step + point <= -128)
    if not (stays_high | stays_low | (np.abs(data - wanted) * step < NEGLIGIBLE)).all():
        raise call.unsupported("has a bias that overflows the 32-bit accumulator", "quantise with larger weight scales")
    return data.astype(np.int32), products
