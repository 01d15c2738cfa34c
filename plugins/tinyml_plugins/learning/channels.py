"""Which channels of a layer learn: those whose weights are largest.

Large channels learn as well as any other choice within 0.2 % (On-Device Training Under 256KB Memory, Lin et al. 2022,
appendix), and cost nothing to find. As in the paper, the norm is that of the stored integers.
"""

from __future__ import annotations

import numpy as np

from tinyml_core.api.optimizer import DEAD_SCALE
from tinyml_plugins.learning.layers import Layer


def largest_channels(layer: Layer, fraction: float) -> tuple[int, ...] | None:
    """``fraction`` of the layer's channels, rounded down, by the L2 norm of their weights; None where that is all.

    Ties go to the lower number; dead channels of a depthwise convolution come last, since they cannot learn.
    """
    count = int(layer.channels * fraction)
    if count == layer.channels:
        return None
    data = layer.weights.data
    assert data is not None, layer.weights.name
    rows = data.reshape(-1, layer.channels)
    # The squares of integers are exact in float64, so that equal channels compare equal on every machine.
    norms = np.square(rows.astype(np.float64)).sum(axis=0)
    quantization = layer.weights.quantization
    if layer.depthwise and quantization is not None and len(quantization.scale) == layer.channels:
        norms = np.where(np.asarray(quantization.scale) < DEAD_SCALE, -1.0, norms)
    order = np.argsort(-norms, kind="stable")
    return tuple(sorted(int(channel) for channel in order[:count]))
