"""Convolutions and dense layers whose channels, pixels and runs of taps leave every possible rest.

They are ordinary otherwise: clamped to the whole of int8, scaled to the right, so that the fast ends are taken.
"""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Conv2D, FullyConnected
from tinyml_core.graph.verify import verify

Q = Quantization.per_tensor
CONVOLUTIONS = [  # image, filters, kernel, stride, padding (top, bottom, left, right)
    ((3, 3, 4), 1, (1, 1), (1, 1), (0, 0, 0, 0)),
    ((5, 7, 5), 2, (1, 1), (1, 1), (0, 0, 0, 0)),
    ((1, 1, 6), 9, (1, 1), (1, 1), (0, 0, 0, 0)),
    ((1, 2, 7), 3, (1, 1), (1, 1), (0, 0, 0, 0)),
    ((1, 3, 36), 5, (1, 1), (1, 1), (0, 0, 0, 0)),
    ((2, 5, 3), 3, (1, 1), (1, 1), (0, 0, 0, 0)),
    ((6, 6, 12), 7, (1, 1), (2, 2), (0, 0, 0, 0)),
    ((6, 5, 8), 4, (1, 1), (2, 1), (0, 0, 0, 0)),
    ((4, 6, 3), 5, (3, 3), (1, 1), (1, 1, 1, 1)),
    ((7, 7, 2), 6, (3, 3), (2, 2), (0, 1, 0, 1)),
    ((5, 5, 1), 4, (4, 4), (1, 1), (1, 2, 1, 2)),
    ((6, 9, 8), 8, (3, 3), (1, 1), (1, 1, 1, 1)),
    ((9, 3, 3), 16, (7, 7), (1, 1), (3, 3, 3, 3)),
]
DENSE = [(3, 5, 1), (8, 2, 7), (9, 3, 4), (24, 16, 3), (4, 1, 5), (100, 13, 1)]  # inputs, outputs, rows


def layers(rounding):
    rng = np.random.default_rng(7)

    def layer(name, op, image, shape):
        b = GraphBuilder(name, rounding)
        x = b.input("x", image, DType.INT8, Q(0.05, int(rng.integers(-128, 128))))
        w = rng.integers(-128, 128, shape).astype(np.int8)
        w = b.constant("w", w, Quantization.per_channel(rng.uniform(1e-4, 1e-2, len(w)), 0))
        bias = b.constant("bias", rng.integers(-2000, 2000, shape[0]).astype(np.int32), Q(1.0))
        return verify(b.build([b.node(op, [x, w, bias], quantization=Q(0.5, int(rng.integers(-128, 128))))]))

    graphs = [
        layer(f"conv2d {image} {kernel}", Conv2D(stride=stride, padding=padding), (1, *image), (n, *kernel, image[2]))
        for image, n, kernel, stride, padding in CONVOLUTIONS
    ]
    return graphs + [layer(f"dense {i}->{o}", FullyConnected(), (rows, i), (o, i)) for i, o, rows in DENSE]
