"""Networks that the tests compile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.graph import Rounding
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Reshape,
    Softmax,
    Unary,
)
from tinyml_core.graph.tensor import DType, Quantization

IMAGE = (1, 12, 10, 3)


class Network:
    """Builds a chain of int8 layers with random weights."""

    def __init__(self, seed, shape=IMAGE, zero_point=-4):
        self.rng = np.random.default_rng(seed)
        self.b = GraphBuilder("chain")
        self.q = Quantization.per_tensor(0.05, zero_point)
        self.x = self.b.input("x", shape, DType.INT8, self.q)
        self.count = 0

    def quantization(self, scale=0.05):
        return Quantization.per_tensor(scale, int(self.rng.integers(-20, 20)))

    def linear(self, op, shape, channels, axis, scale=0.06):
        """A layer with weights of ``shape``, one scale for each of ``channels`` along ``axis``, and biases."""
        self.count += 1
        scales = self.rng.uniform(0.002, 0.01, channels)
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        bias = self.rng.integers(-2000, 2000, channels).astype(np.int32)
        x_scale = self.b.tensor(self.x).quantization.scale[0]
        w = self.b.constant(f"w{self.count}", weights, Quantization.per_channel(scales, axis))
        bias = self.b.constant(f"b{self.count}", bias, Quantization.per_channel(scales * x_scale, 0))
        self.x = self.b.node(op, [self.x, w, bias], quantization=self.quantization(scale))
        return self

    def then(self, op, *others, quantization=None):
        kept = self.b.tensor(self.x).quantization
        self.x = self.b.node(op, [self.x, *others], quantization=quantization or kept)
        return self

    def build(self, rounding=Rounding.SINGLE):
        return replace(self.b.build([self.x]), rounding=rounding)


def everything(rounding):
    """Every operator that the generator knows, with odd shapes and strides."""
    n = Network(1)
    n.linear(Conv2D(stride=(2, 1), padding=(1, 0, 1, 1), activation=(0.0, 6.0)), (8, 3, 3, 3), 8, 0)
    n.linear(DepthwiseConv2D(padding=(1, 1, 1, 1), dilation=(1, 1)), (1, 3, 3, 8), 8, 3)
    skip = n.x
    n.linear(Conv2D(), (8, 1, 1, 8), 8, 0)
    n.then(Add(), skip, quantization=n.quantization(0.07))
    n.linear(Conv2D(dilation=(2, 2), padding=(2, 2, 2, 2)), (5, 3, 3, 8), 5, 0)
    n.linear(DepthwiseConv2D(stride=(1, 2), padding=(0, 1, 1, 0)), (1, 2, 3, 10), 10, 3)
    n.then(MaxPool2D(kernel=(2, 3), stride=(1, 1), padding=(0, 1, 1, 1)))
    n.then(AveragePool2D(kernel=(3, 2), stride=(2, 1), padding=(1, 1, 0, 1)))
    n.then(Clamp(activation=(-1.0, 3.0)), quantization=n.quantization(0.03))
    n.then(Unary("tanh"), quantization=Quantization.per_tensor(1 / 128, 0))
    n.then(Mean(axes=(1, 2)), quantization=Quantization.per_tensor(1 / 100, 5))
    n.linear(FullyConnected(), (12, 10), 12, 0, scale=0.02)
    n.then(Reshape(shape=(3, 4)))
    n.then(Softmax(), quantization=Quantization.per_tensor(1 / 256, -128))
    return n.build(rounding)
