"""A small int8 network with a residual, of which selectors choose."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean
from tinyml_core.graph.tensor import DType

EXPAND = np.array([[1, 2], [3, 4], [-5, 6], [7, -8]]).reshape(4, 1, 1, 2)
FILTERS = np.tile(np.array([3, -9, 9, 1]), (1, 3, 3, 1))


def network(expand=EXPAND, filters=FILTERS, classifier=True, filter_scales=(0.01,) * 4):
    """Expand 2 -> 4 (no bias), depthwise, project 4 -> 2, residual, mean and, maybe, 2 -> 3 classes."""
    builder = GraphBuilder("small")
    act = Quantization.per_tensor(0.05, 3)

    def weights(name, data, axis, scales=0.01):
        data = np.asarray(data, np.int8)
        return builder.constant(name, data, Quantization.per_channel(np.full(data.shape[axis], scales), axis))

    def bias(name, size):
        return builder.constant(name, np.zeros(size, np.int32), Quantization.per_channel(np.full(size, 5e-4), 0))

    x = builder.input("x", (1, 6, 6, 2), DType.INT8, act)
    y = builder.node(Conv2D(), [x, weights("we", expand, 0)], name="expand", quantization=act)
    y = builder.node(
        DepthwiseConv2D(stride=(1, 1), padding=(1, 1, 1, 1)),
        [y, weights("wd", filters, 3, filter_scales), bias("bd", 4)], name="filter", quantization=act,
    )  # fmt: skip
    y = builder.node(
        Conv2D(), [y, weights("wp", np.ones((2, 1, 1, 4)), 0), bias("bp", 2)], name="project", quantization=act
    )
    y = builder.node(Add(), [x, y], name="sum", quantization=act)
    y = builder.node(Mean(), [y], name="mean", quantization=act)
    if classifier:
        y = builder.node(
            FullyConnected(), [y, weights("wc", np.ones((3, 2)), 0), bias("bc", 3)], name="classes", quantization=act
        )
    return builder.build([y])
