"""Convolutions and dense layers whose biases, and some of whose weights, are inputs, as in a training step.

Biases come from the whole range of int32: most are so great that they saturate, and some beyond what counts.
"""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU6, Conv2D, DepthwiseConv2D, FullyConnected, MergeChannels
from tinyml_core.graph.verify import verify

Q = Quantization.per_tensor
BIAS, WEIGHTS, BOTH = {"b"}, {"w"}, {"w", "b"}
CONVOLUTIONS = [  # what varies, image, filters, kernel, stride, padding, greatest scale of weights
    (BIAS, (3, 5, 8), 6, 1, 1, 0, 0.01),
    (BIAS, (3, 3, 9), 7, 1, 1, 0, 0.01),
    (BIAS, (1, 1, 13), 5, 1, 1, 0, 0.01),
    (BIAS, (1, 2, 16), 16, 1, 1, 0, 0.01),
    (BIAS, (2, 3, 5), 1, 1, 1, 0, 0.01),
    (BIAS, (3, 3, 6), 5, 1, 1, 0, 20.0),
    (BIAS, (5, 6, 3), 5, 3, 2, 1, 0.01),
    (BIAS, (4, 5, 2), 3, 3, 1, 1, 20.0),
    (BOTH, (3, 5, 8), 6, 1, 1, 0, 0.01),
    (BOTH, (3, 3, 10), 7, 1, 1, 0, 0.01),
    (BOTH, (1, 7, 6), 37, 1, 1, 0, 0.01),
    (WEIGHTS, (2, 2, 4), 34, 1, 1, 0, 0.01),
    (WEIGHTS, (2, 3, 7), 5, 1, 1, 0, 20.0),
    (WEIGHTS, (5, 6, 3), 5, 3, 2, 1, 0.01),
    (BOTH, (4, 5, 2), 4, 3, 1, 1, 0.01),
]
DEPTHWISE = [  # what varies, image, kernel, stride, multiplier, greatest scale of weights
    (BIAS, (5, 6, 9), 3, 1, 1, 0.01),
    (BIAS, (5, 5, 6), 3, 2, 1, 0.01),
    (BIAS, (6, 5, 5), 5, 1, 1, 0.01),
    (BIAS, (7, 6, 4), 5, 2, 1, 0.01),
    (BIAS, (5, 5, 5), 7, 1, 1, 0.01),
    (BIAS, (4, 4, 3), 3, 1, 2, 0.01),
    (BIAS, (4, 4, 5), 3, 1, 1, 20.0),
    (BOTH, (5, 6, 9), 3, 1, 1, 0.01),
    (BOTH, (6, 5, 5), 5, 2, 1, 0.01),
    (WEIGHTS, (4, 4, 3), 3, 1, 2, 0.01),
]
DENSE = [(BIAS, 20, 7, 3, 0.01), (BOTH, 9, 6, 1, 0.01), (BIAS, 8, 3, 2, 20.0), (WEIGHTS, 12, 5, 4, 0.01)]


def layers(rounding):
    rng = np.random.default_rng(11)

    def layer(op, variable, image, weights, axis, greatest, learnt=()):
        b = GraphBuilder(f"{'+'.join(sorted(variable))} of {op.kind} {image} {weights} {rounding.value}", rounding)
        x = b.input("x", image, DType.INT8, Q(0.05, int(rng.integers(-128, 128))))
        scales = Quantization.per_channel(greatest * rng.uniform(0.02, 1.0, weights[axis]), axis)
        values = rng.integers(-128, 128, weights).astype(np.int8)
        biases = rng.integers(-2000, 2000, weights[axis]).astype(np.int32)
        w = b.input("w", weights, DType.INT8, scales) if "w" in variable else b.constant("w", values, scales)
        if learnt:
            part = b.input("part", (*weights[:3], len(learnt)), DType.INT8, scales)
            w = b.node(MergeChannels(learnt), [w, part], name="whole", quantization=scales)
        bias = b.input("b", biases.shape, DType.INT32, Q(1.0)) if "b" in variable else b.constant("b", biases, Q(1.0))
        return verify(b.build([b.node(op, [x, w, bias], quantization=Q(0.5, int(rng.integers(-60, 60))))]))

    graphs = [
        layer(Conv2D((s, s), (p, p, p, p)), variable, (1, *image), (n, k, k, image[2]), 0, scale)
        for variable, image, n, k, s, p, scale in CONVOLUTIONS
    ]
    for variable, image, k, s, multiplier, scale in DEPTHWISE:
        op = DepthwiseConv2D((s, s), (k // 2,) * 4, activation=RELU6)
        graphs.append(layer(op, variable, (1, *image), (1, k, k, image[2] * multiplier), 3, scale))
    graphs += [layer(FullyConnected(), variable, (n, i), (o, i), 0, scale) for variable, i, o, n, scale in DENSE]
    graphs.append(layer(Conv2D(), BIAS, (1, 3, 3, 8), (6, 1, 1, 8), 0, 0.01, learnt=(1, 2, 6)))
    return graphs
