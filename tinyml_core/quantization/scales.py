"""Scales: which integers stand for which real numbers.

Activations are int8, asymmetric, per tensor: 0.0 is always an integer, because padding and ReLU need it exactly.
Weights are int8 in -127..127, symmetric, per output channel: TensorFlow Lite's 8-bit specification.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.tensor import Array, Quantization

Range = tuple[float, float]
"""Least and greatest real value of a tensor."""

IDLE_WEIGHT_SCALE = 1 / 128
"""Scale of weights that are all zero, so that a network not trained yet has ordinary multipliers."""
LEAST_SCALE = 2.0**-60
"""Scale below which a tensor counts as all zero: the product of two such scales leaves the numbers of float32."""
GREATEST_BIAS = 1 << 24
"""Integer above which a bias would leave a multiplier too few bits; its channel gets a coarser weight scale instead."""


def activation_quantization(seen: Range) -> Quantization:
    """int8 scale and zero point that cover ``seen``, widened to include 0; nothing but 0 gets scale 1/128."""
    low, high = min(float(seen[0]), 0.0), max(float(seen[1]), 0.0)
    scale = float(np.float32((high - low) / 255))
    if scale < LEAST_SCALE:
        return Quantization.per_tensor(IDLE_WEIGHT_SCALE, -128)
    return Quantization.per_tensor(scale, min(max(round(-128 - low / scale), -128), 127))


def weight_scales(weights: Array, axis: int, bias: Array | None, input_scale: float) -> npt.NDArray[np.float32]:
    """Scale of each index along ``axis``: the greatest magnitude over 127.

    A dead channel (all zeros) takes the largest scale of the others. A channel whose bias dwarfs its weights, as
    folding a batch normalisation of almost no variance leaves it, takes the scale at which its bias stays within
    :data:`GREATEST_BIAS`: the weights lose bits that the output never shows.
    """
    channels = weights.shape[axis]
    if not any(weights.strides):
        greatest = np.full(channels, abs(float(weights.flat[0])))
    else:
        others = tuple(a for a in range(weights.ndim) if a != axis)
        greatest = np.abs(weights.astype(np.float64)).max(axis=others)
    scales = greatest / 127
    largest = float(scales.max())
    scales[scales < LEAST_SCALE] = largest if largest >= LEAST_SCALE else IDLE_WEIGHT_SCALE
    if bias is not None:
        scales = np.maximum(scales, np.abs(bias.astype(np.float64)) / (GREATEST_BIAS * input_scale))
    return scales.astype(np.float32)


def quantised_weights(weights: Array, scales: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.int8]:
    """``weights / scales`` to nearest, within -127..127; zeros that take no memory stay so."""
    if not any(weights.strides) and not weights.flat[0]:
        return np.broadcast_to(np.int8(0), weights.shape)
    shape = [1] * weights.ndim
    shape[axis] = -1
    integers = np.rint(weights.astype(np.float64) / scales.astype(np.float64).reshape(shape))
    return np.clip(integers, -127, 127).astype(np.int8)


def quantised_bias(bias: Array, scales: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """``bias / scales`` to nearest, saturated to int32; zeros that take no memory stay so."""
    if not any(bias.strides) and not bias.flat[0]:
        return np.broadcast_to(np.int32(0), bias.shape)
    limits = np.iinfo(np.int32)
    return np.clip(np.rint(bias.astype(np.float64) / scales), limits.min, limits.max).astype(np.int32)
