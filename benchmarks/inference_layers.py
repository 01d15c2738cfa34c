"""Single layers of the inference benchmark, as graphs, with what their cost is divided by."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import RELU, Add, Conv2D, DepthwiseConv2D, Mean

Q = Quantization.per_tensor
SAME = {1: (0, 0, 0, 0), 3: (1, 1, 1, 1), 5: (2, 2, 2, 2), 7: (3, 3, 3, 3)}


def layer_graphs() -> dict[str, tuple[Graph, int]]:
    """Graph and units (MACs or elements) by the name of the layer."""
    return {
        "pointwise 64 -> 64, 12x12": _convolution(12, 64, 64, 1),
        "pointwise 16 -> 48, 20x20": _convolution(20, 16, 48, 1),
        "pointwise 8 -> 48, 20x20": _convolution(20, 8, 48, 1),
        "depthwise 3x3 stride 1, 20x20x48": _depthwise(20, 48, 3, 1),
        "depthwise 3x3 stride 2, 20x20x48": _depthwise(20, 48, 3, 2),
        "depthwise 5x5 stride 1, 20x20x48": _depthwise(20, 48, 5, 1),
        "depthwise 7x7 stride 1, 20x20x48": _depthwise(20, 48, 7, 1),
        "convolution 3x3 16 -> 16, 32x32": _convolution(32, 16, 16, 3),
        "RGB stem 3x3 stride 2 3 -> 16, 96x96": _convolution(96, 3, 16, 3, 2),
        "residual add, 20x20x24": _add(20, 24),
        "mean, 12x12x64": _mean(12, 64),
    }


def _linear(size: int, channels: int, weights: tuple[int, ...], axis: int, op: Operator) -> tuple[Graph, int]:
    rng = np.random.default_rng(1)
    b = GraphBuilder("layer", Rounding.SINGLE)
    b.input("x", (1, size, size, channels), DType.INT8, Q(0.05, -7))
    scales = Quantization.per_channel(rng.uniform(2e-3, 8e-3, weights[axis]), axis)
    w = b.constant("w", rng.integers(-127, 128, weights).astype(np.int8), scales)
    bias = b.constant("b", rng.integers(-2000, 2000, weights[axis]).astype(np.int32), Q(1.0))
    graph = b.build([b.node(op, ["x", w, bias], quantization=Q(0.1, -128))])
    return graph, graph.macs


def _convolution(size: int, channels: int, out: int, kernel: int, stride: int = 1) -> tuple[Graph, int]:
    op = Conv2D(stride=(stride, stride), padding=SAME[kernel], activation=RELU)
    return _linear(size, channels, (out, kernel, kernel, channels), 0, op)


def _depthwise(size: int, channels: int, kernel: int, stride: int) -> tuple[Graph, int]:
    op = DepthwiseConv2D(stride=(stride, stride), padding=SAME[kernel], activation=RELU)
    return _linear(size, channels, (1, kernel, kernel, channels), 3, op)


def _add(size: int, channels: int) -> tuple[Graph, int]:
    b = GraphBuilder("add", Rounding.SINGLE)
    shape = (1, size, size, channels)
    b.input("x", shape, DType.INT8, Q(0.05, -7))
    b.input("y", shape, DType.INT8, Q(0.08, 4))
    return b.build([b.node(Add(), ["x", "y"], quantization=Q(0.1, -9))]), size * size * channels


def _mean(size: int, channels: int) -> tuple[Graph, int]:
    b = GraphBuilder("mean", Rounding.SINGLE)
    b.input("x", (1, size, size, channels), DType.INT8, Q(0.05, -7))
    return b.build([b.node(Mean((1, 2)), ["x"], quantization=Q(0.03, 5))]), size * size * channels
