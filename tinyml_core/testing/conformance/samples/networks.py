"""Small networks: an int8 one of equal layers, an int8 one of everything that learns, a float one to quantise."""

from __future__ import annotations

import numpy as np

from tinyml_core.api.dataset import Dataset
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Reshape
from tinyml_core.graph.verify import verify

_REAL = Quantization.per_tensor(0.05, 3)


def chain(layers: int, width: int = 8, side: int = 8) -> Graph:
    """An int8 network of ``layers`` equal 3 by 3 convolutions."""
    author = _Author("chain")
    handle = author.builder.input("x", (1, side, side, width), DType.INT8, _REAL)
    for number in range(layers):
        handle = author.convolution(f"conv{number}", handle, width, 3)
    return verify(author.builder.build([handle]))


def residual() -> Graph:
    """An int8 network of seven nodes: expand, filter, project, a residual, mean, and a classifier of 3 classes."""
    author = _Author("residual")
    builder = author.builder
    x = builder.input("x", (1, 6, 6, 2), DType.INT8, _REAL)
    y = author.convolution("expand", x, 4, 1)
    filters = author.weights("filter.weights", (1, 3, 3, 4), 3)
    op = DepthwiseConv2D(stride=(1, 1), padding=(1, 1, 1, 1))
    y = builder.node(op, [y, filters, author.bias("filter.bias", 4)], name="filter", quantization=_REAL)
    y = author.convolution("project", y, 2, 1)
    y = builder.node(Add(), [x, y], name="sum", quantization=_REAL)
    y = builder.node(Mean(), [y], name="mean", quantization=_REAL)
    dense = [y, author.weights("classes.weights", (3, 2), 0), author.bias("classes.bias", 3)]
    return verify(builder.build([builder.node(FullyConnected(), dense, name="classes", quantization=_REAL)]))


def classifier(side: int = 8, classes: int = 3) -> Graph:
    """An int8 network of four layers that takes the samples of the kit's dataset."""
    author = _Author("classifier")
    builder = author.builder
    y = author.convolution("first", builder.input("x", (1, side, side, 1), DType.INT8, _REAL), 4, 3)
    y = author.convolution("third", author.convolution("second", y, 8, 1), 6, 3)
    y = builder.node(Mean(), [y], name="mean", quantization=_REAL)
    dense = [y, author.weights("classes.weights", (classes, 6), 0), author.bias("classes.bias", classes)]
    return verify(builder.build([builder.node(FullyConnected(), dense, name="classes", quantization=_REAL)]))


def floating(side: int = 8, classes: int = 3) -> Graph:
    """A float32 network with seeded parameters: two convolutions, mean, and a classifier."""
    rng = np.random.default_rng(0)
    builder = GraphBuilder("floating")

    def parameters(name: str, shape: tuple[int, ...]) -> str:
        return builder.constant(name, rng.normal(0, 0.4, shape).astype(np.float32))

    handle = builder.input("x", (1, side, side, 1), DType.FLOAT32)
    for number, (channels, width) in enumerate(((1, 4), (4, 8))):
        operands = [handle, parameters(f"w{number}", (width, 3, 3, channels)), parameters(f"b{number}", (width,))]
        handle = builder.node(Conv2D(padding=(1, 1, 1, 1), activation=RELU), operands, name=f"conv{number}")
    handle = builder.node(Mean(), [handle], name="mean")
    operands = [handle, parameters("w", (classes, 8)), parameters("b", (classes,))]
    return verify(builder.build([builder.node(FullyConnected(), operands, name="classes")]))


def fitted(data: Dataset) -> Graph:
    """A float32 network that knows ``data``: a seeded convolution, and a classifier fitted to it by least squares."""
    rng = np.random.default_rng(0)
    filters = rng.normal(0, 0.4, (4, 3, 3, data.sample_shape[-1])).astype(np.float32)

    def features(builder: GraphBuilder) -> str:
        x = builder.input("x", (1, *data.sample_shape), DType.FLOAT32)
        operands = [x, builder.constant("w0", filters), builder.constant("b0", np.zeros(4, np.float32))]
        y = builder.node(Conv2D(padding=(1, 1, 1, 1), activation=RELU), operands, name="conv")
        return builder.node(Reshape((1, builder.tensor(y).elements)), [y], name="flat")

    probe = GraphBuilder("features")
    executor = ReferenceExecutor(probe.build([features(probe)]))
    seen = np.concatenate([executor.run({"x": sample[np.newaxis]})["flat"] for sample in data.train.x])
    wanted = np.eye(len(data.classes))[data.train.y] - 1 / len(data.classes)
    weights = wanted.T @ seen @ np.linalg.inv(seen.T @ seen + np.eye(seen.shape[1]))
    builder = GraphBuilder("fitted")
    operands = [features(builder), builder.constant("w", weights.astype(np.float32))]
    return verify(builder.build([builder.node(FullyConnected(), operands, name="classes")]))


class _Author:
    """Writes layers of seeded int8 weights."""

    def __init__(self, name: str) -> None:
        self.builder, self._rng = GraphBuilder(name), np.random.default_rng(0)

    def weights(self, name: str, shape: tuple[int, ...], axis: int) -> str:
        data = self._rng.integers(-127, 128, shape).astype(np.int8)
        return self.builder.constant(name, data, Quantization.per_channel(np.full(shape[axis], 0.01), axis))

    def bias(self, name: str, size: int) -> str:
        return self.builder.constant(name, np.zeros(size, np.int32), Quantization.per_channel(np.full(size, 5e-4), 0))

    def convolution(self, name: str, source: str, width: int, kernel: int) -> str:
        channels = self.builder.tensor(source).shape[3]
        weights = self.weights(f"{name}.weights", (width, kernel, kernel, channels), 0)
        operands = [source, weights, self.bias(f"{name}.bias", width)]
        return self.builder.node(Conv2D(padding=(kernel // 2,) * 4), operands, name=name, quantization=_REAL)
