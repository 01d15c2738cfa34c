"""Small networks of several layers, with weights or with placeholders: what tests of cost models are given."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean
from tinyml_core.graph.verify import verify

SCALE = Quantization.per_tensor(0.05, -128)


def network(layers, *, side=8, seed=None, head=False) -> Graph:
    """An int8 network of ``layers``: widths of convolutions, 0 for a residual around a depthwise one."""
    b, rng = GraphBuilder("net"), np.random.default_rng(seed or 0)

    def weights(name, shape, axis):
        scales = Quantization.per_channel(np.full(shape[axis], 0.004), axis)
        if seed is None:
            return b.constant(name, np.broadcast_to(np.int8(0), shape), scales)
        return b.constant(name, rng.integers(-127, 128, shape).astype(np.int8), scales)

    x = b.input("x", (1, side, side, 4), DType.INT8, SCALE)
    for number, width in enumerate(layers):
        channels = b.tensor(x).shape[3]
        if width:
            kernel = 1 if number % 2 else 3
            op = Conv2D(padding=(kernel // 2,) * 4, activation=RELU)
            w = weights(f"w{number}", (width, kernel, kernel, channels), 0)
            x = b.node(op, [x, w], name=f"conv{number}", quantization=SCALE)
        else:
            op = DepthwiseConv2D(padding=(1, 1, 1, 1), activation=RELU)
            y = b.node(op, [x, weights(f"w{number}", (1, 3, 3, channels), 3)], name=f"dw{number}", quantization=SCALE)
            x = b.node(Add(), [x, y], name=f"add{number}", quantization=SCALE)
    if head:
        x = b.node(Mean(), [x], name="mean", quantization=SCALE)
        w = weights("head", (10, b.tensor(x).shape[1]), 0)
        x = b.node(FullyConnected(), [x, w], name="classes", quantization=SCALE)
    return verify(b.build([x]))
