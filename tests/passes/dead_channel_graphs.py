"""Random int8 networks in which many channels are dead: filters of zeros, biases that saturate, values nobody reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reshape,
    Softmax,
)
from tinyml_core.graph.verify import verify

ACTIVATIONS = (IDENTITY, RELU, RELU6, (0.5, 2.0), (-1.0, 1.0))


class Author:
    """Adds random nodes to a graph; ``dead`` is the share of filters that compute a constant."""

    def __init__(self, seed: int, rounding: Rounding, dead: float) -> None:
        self.rng, self.dead = np.random.default_rng(seed), dead
        self.builder = GraphBuilder(f"dead {seed}", rounding)
        self.count = 0

    def pick(self, options: Sequence):
        return options[int(self.rng.integers(len(options)))]

    def quantization(self) -> Quantization:
        return Quantization.per_tensor(self.pick((0.02, 0.05, 0.1, 1 / 256)), self.pick((-128, -128, 0, 127, 5, -77)))

    def name(self, role: str) -> str:
        self.count += 1
        return f"{role}{self.count}"

    def layer(self, op: Operator, x: str, shape: tuple[int, ...], axis: int) -> str:
        """Filters of zeros, single taps and saturating biases among ordinary ones."""
        rng, outputs = self.rng, shape[axis]
        weights = np.moveaxis(rng.integers(-127, 128, shape), axis, 0)
        bias = rng.integers(-3000, 3000, outputs)
        for channel in np.flatnonzero(rng.random(outputs) < self.dead):
            kind = self.pick(("zero", "zero", "saturated", "small", "centre"))
            if kind == "saturated":
                bias[channel] = self.pick((-(1 << 24), 1 << 24, (1 << 31) - 1, -(1 << 31)))
            elif kind == "small":
                weights[channel] = rng.integers(-1, 2, weights[channel].shape)
            else:
                weights[channel] = 0
                if kind == "centre" and len(shape) == 4:
                    rows, columns = (shape[1], shape[2])
                    middle = weights[channel].reshape(rows, columns, -1)
                    middle[rows // 2, columns // 2] = rng.integers(-127, 128, middle.shape[-1])
                if rng.random() < 0.3:
                    bias[channel] = 0
        if axis == 0 and rng.random() < 0.3:  # inputs that no filter reads
            weights[..., rng.random(shape[-1]) < 0.5] = 0
        weights = np.moveaxis(weights, 0, axis).astype(np.int8)
        output, taps = self.quantization(), weights.size // outputs
        factor = output.scale[0] / self.builder.tensor(x).scale / (40 * taps**0.5)
        scales = factor * 2.0 ** rng.uniform(-2, 3, outputs)
        quantization = Quantization.per_channel(scales, axis) if rng.random() < 0.7 else Quantization.per_tensor(factor)
        operands = [x, self.builder.constant(self.name("weights"), weights, quantization)]
        if rng.random() < 0.8:
            accumulator = Quantization.per_tensor(factor * self.builder.tensor(x).scale)
            operands.append(self.builder.constant(self.name("bias"), bias.astype(np.int32), accumulator))
        return self.builder.node(op, operands, name=self.name("layer"), quantization=output)

    def window(self, x: str, kernel: int) -> dict:
        sizes = self.builder.tensor(x).shape[1:3]
        padding = [self.pick((0, 1, 2)) if kernel > 1 or self.rng.random() < 0.1 else 0 for _ in range(4)]
        for axis in (0, 1):
            missing = kernel - sizes[axis] - sum(padding[2 * axis : 2 * axis + 2])
            padding[2 * axis] += max(missing, 0)
        return {
            "padding": tuple(padding), "stride": (self.pick((1, 1, 2)), self.pick((1, 1, 2))),
            "activation": self.pick(ACTIVATIONS),
        }  # fmt: skip

    def convolution(self, x: str) -> str:
        kernel, channels = self.pick((1, 1, 3)), self.builder.tensor(x).shape[3]
        shape = (int(self.rng.integers(1, 13)), kernel, kernel, channels)
        return self.layer(Conv2D(**self.window(x, kernel)), x, shape, 0)

    def depthwise(self, x: str) -> str:
        kernel, channels = self.pick((1, 3, 3)), self.builder.tensor(x).shape[3]
        shape = (1, kernel, kernel, channels * (self.pick((1, 1, 2, 3)) if channels < 16 else 1))
        return self.layer(DepthwiseConv2D(**self.window(x, kernel)), x, shape, 3)

    def residual(self, x: str) -> str:
        """A sum with a branch, or with a constant."""
        tensor = self.builder.tensor(x)
        if self.rng.random() < 0.3:
            data = self.rng.integers(-128, 128, tensor.shape).astype(np.int8)
            other = self.builder.constant(self.name("operand"), data, self.quantization())
        else:
            shape = (tensor.shape[3], 1, 1, tensor.shape[3])
            other = self.layer(Conv2D(activation=self.pick(ACTIVATIONS)), x, shape, 0)
        operands = [x, other] if self.rng.random() < 0.5 else [other, x]
        return self.node(Add(self.pick(ACTIVATIONS)), operands, self.quantization())

    def node(self, op: Operator, inputs: list[str], quantization: Quantization | None = None) -> str:
        same = self.builder.tensor(inputs[0]).quantization
        return self.builder.node(op, inputs, name=self.name(op.kind), quantization=quantization or same)

    def smaller(self, x: str) -> str:
        size = tuple(min(2, size) for size in self.builder.tensor(x).shape[1:3])
        pool = self.pick((AveragePool2D, MaxPool2D))
        return self.node(pool(kernel=size, stride=(1, 2), activation=self.pick(ACTIVATIONS)), [x])

    def other(self, x: str) -> str:
        """Anything that keeps an image an image."""
        shape = self.builder.tensor(x).shape
        options = [
            lambda: self.node(Pad(((0, 0), (1, 0), (0, 1), self.pick(((0, 0), (0, 0), (1, 2))))), [x]),
            lambda: self.node(Clamp(self.pick(ACTIVATIONS)), [x], self.quantization()),
            lambda: self.node(Quantize(), [x], self.quantization()),
            lambda: self.node(Reshape((1, shape[2], shape[1], shape[3])), [x]),
            lambda: self.node(Reshape((1, 1, shape[2], shape[1] * shape[3])), [x]),
            lambda: self.node(Mean((1,), keep_axes=True), [x], self.quantization()),
        ]
        if shape[3] % 2 == 0:
            options.append(lambda: self.node(Reshape((1, shape[1], 2 * shape[2], shape[3] // 2)), [x]))
        return self.pick(options)()

    def head(self, x: str) -> str:
        """What ends a classifier."""
        if self.rng.random() < 0.5:
            x = self.node(Mean(), [x], self.quantization())
        else:
            x = self.node(Reshape((1, self.builder.tensor(x).elements)), [x])
        for _ in range(self.pick((1, 2))):
            shape = (int(self.rng.integers(1, 9)), self.builder.tensor(x).elements)
            x = self.layer(FullyConnected(self.pick(ACTIVATIONS)), x, shape, 0)
        if self.rng.random() < 0.3:
            x = self.builder.node(Softmax(), [x], name="softmax", quantization=Quantization.per_tensor(1 / 256, -128))
        return x


def dead_channel_graph(seed: int, rounding: Rounding, dead: float = 0.5) -> Graph:
    """A verified network of 3 to 8 layers and perhaps a head; with ``dead`` 1 everything may be constant."""
    author = Author(seed, rounding, dead)
    shape = (1, author.pick((1, 4, 5, 7)), author.pick((1, 3, 6)), author.pick((1, 3, 8)))
    x = author.builder.input("image", shape, DType.INT8, author.quantization())
    values = []
    makers = [author.convolution] * 3 + [author.depthwise] * 3 + [author.residual, author.smaller, author.other]
    for _ in range(int(author.rng.integers(3, 9))):
        x = author.pick(makers)(x)
        values.append(x)
    outputs = [author.head(x) if author.rng.random() < 0.7 else x]
    if author.rng.random() < 0.1 and values[0] not in outputs:
        outputs.append(values[0])
    return verify(author.builder.build(outputs))
