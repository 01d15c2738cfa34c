"""A small graph for tests of saved ones."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import RELU, FullyConnected


def small() -> Graph:
    b = GraphBuilder("small", Rounding.TFLITE)
    x = b.input("x", (1, 3), DType.INT8, Quantization.per_tensor(0.1, -3))
    w = b.constant("w", np.arange(6, dtype=np.int8).reshape(2, 3), Quantization.per_channel([0.1, 0.25], 0))
    bias = b.constant("b", np.array([1 << 30, -5], np.int32))
    return b.build([b.node(FullyConnected(RELU), [x, w, bias], name="y", quantization=Quantization.per_tensor(0.2))])
