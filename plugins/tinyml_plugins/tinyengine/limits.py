"""Activations of float kernels: the fused clamp as a C expression."""

from __future__ import annotations

import math

import numpy as np

from tinyml_core.graph.operators.window import Activation
from tinyml_plugins.tinyengine.constants import literal


def limited(value: str, activation: Activation) -> str:
    """``value`` (a C variable of type float) within the limits rounded to float32; NaN passes."""
    with np.errstate(over="ignore"):
        low, high = (float(np.float32(limit)) for limit in activation)
    result = value
    if math.isfinite(high):
        result = f"{value} > {literal(high)} ? {literal(high)} : {result}"
    if math.isfinite(low):
        result = f"{value} < {literal(low)} ? {literal(low)} : {result}"
    return result
