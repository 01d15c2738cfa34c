"""Depthwise layers on planes narrower and wider than the blocks of the DSP extension's inner loops."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, DepthwiseConv2D

TAPS = (3, 5, 7)
SHAPES = [  # height, width, channels
    (1, 1, 4),
    (2, 1, 5),
    (1, 2, 6),
    (3, 3, 7),
    (5, 4, 4),
    (4, 5, 9),
    (2, 6, 8),
    (6, 7, 4),
]


def _layer(taps, height, width, channels, rounding):
    rng = np.random.default_rng(taps * width + height)
    b = GraphBuilder(f"plane {height}x{width}x{channels} by {taps}x{taps} {rounding.value}", rounding)
    b.input("x", (1, height, width, channels), DType.INT8, Quantization.per_tensor(0.05, -7))
    scales = Quantization.per_channel(rng.uniform(0.01, 0.04, channels), 3)
    w = b.constant("w", rng.integers(-128, 128, (1, taps, taps, channels)).astype(np.int8), scales)
    bias = b.constant("b", rng.integers(-2000, 2000, channels).astype(np.int32), Quantization.per_tensor(1.0))
    op = DepthwiseConv2D(padding=(taps // 2,) * 4, activation=RELU)
    return b.build([b.node(op, ["x", w, bias], quantization=Quantization.per_tensor(0.5, -20))])


def layers(rounding):
    return [_layer(taps, *shape, rounding) for taps in TAPS for shape in SHAPES]
