"""Layers: what the builders of all spaces write, with parameters that take no memory until the network is trained."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph import DType, Graph, GraphBuilder
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU6,
    Activation,
    Add,
    BatchNorm,
    Binary,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Mean,
    Reshape,
    Unary,
)
from tinyml_core.graph.tensor import Array

Pair = tuple[int, int]
"""Of rows and of columns."""


def divisible(channels: float, by: int = 8) -> int:
    """The nearest multiple of ``by`` that is not below nine tenths of ``channels`` (Sandler et al., CVPR 2018)."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


def halved(size: int) -> int:
    """What a stride of 2 leaves of so many rows or columns."""
    return -(-size // 2)


def check_images(sample_shape: tuple[int, ...], classes: int) -> None:
    """Refuse what is no classification of images.

    Raises:
        InputError: ``sample_shape`` is not (rows, columns, channels), or there are fewer than two classes.
    """
    if len(sample_shape) != 3 or min(sample_shape) < 1:
        raise InputError(
            f"has samples of shape {list(sample_shape)}", place="dataset", remedy="images are [rows, columns, channels]"
        )
    if classes < 2:
        raise InputError(f"has {classes} classes", place="dataset", remedy="classification needs at least 2")


@lru_cache(maxsize=4096)
def _filled(value: float, shape: tuple[int, ...]) -> Array:
    """An array that takes no memory; networks of one space share most of their shapes."""
    return np.broadcast_to(np.float32(value), shape)


class Layers:
    """Writes a network layer by layer; tensors go by the handles of :class:`~tinyml_core.graph.GraphBuilder`."""

    def __init__(self, name: str) -> None:
        self.builder = GraphBuilder(name)

    def image(self, shape: tuple[int, ...]) -> str:
        """The input [1, *shape]; a signal of (length, channels) becomes an image one column wide."""
        x = self.builder.input("image", (1, *shape), DType.FLOAT32)
        if len(shape) == 2:
            x = self.builder.node(Reshape((1, shape[0], 1, shape[1])), [x], name="signal")
        return x

    def shape(self, x: str) -> tuple[int, ...]:
        """The shape behind a handle."""
        return self.builder.tensor(x).shape

    def convolution(
        self, name: str, x: str, width: int, *, kernel: Pair = (1, 1), stride: Pair = (1, 1),
        activation: Activation = RELU6,
    ) -> str:  # fmt: skip
        """A normalised convolution, padded so that a stride of 1 keeps the size."""
        op = Conv2D(stride=stride, padding=around(kernel))
        weights = self.builder.constant(f"{name}.weights", _filled(0, (width, *kernel, self.shape(x)[3])))
        return self._normalised(name, self.builder.node(op, [x, weights], name=name), activation)

    def depthwise(self, name: str, x: str, *, kernel: Pair, stride: Pair = (1, 1)) -> str:
        """A normalised depthwise convolution, padded so that a stride of 1 keeps the size."""
        op = DepthwiseConv2D(stride=stride, padding=around(kernel))
        weights = self.builder.constant(f"{name}.weights", _filled(0, (1, *kernel, self.shape(x)[3])))
        return self._normalised(name, self.builder.node(op, [x, weights], name=name), RELU6)

    def add(self, name: str, x: str, y: str, activation: Activation = IDENTITY) -> str:
        """The sum of two tensors of one shape."""
        return self.builder.node(Add(activation=activation), [x, y], name=name)

    def squeeze_excite(self, name: str, x: str, squeezed: int) -> str:
        """Channels scaled by what two layers make of their means (Hu et al., CVPR 2018)."""
        b, channels = self.builder, self.shape(x)[3]
        gate = b.node(Mean(axes=(1, 2), keep_axes=True), [x], name=f"{name}.squeeze")
        gate = self.convolution(f"{name}.reduce", gate, squeezed)
        weights = b.constant(f"{name}.restore.weights", _filled(0, (channels, 1, 1, squeezed)))
        bias = b.constant(f"{name}.restore.bias", _filled(0, (channels,)))
        gate = b.node(Conv2D(), [gate, weights, bias], name=f"{name}.restore")
        gate = b.node(Unary(function="hard_sigmoid", alpha=1 / 6, beta=0.5), [gate], name=f"{name}.gate")
        return b.node(Binary(function="multiply"), [x, gate], name=f"{name}.scale")

    def classifier(self, x: str, classes: int) -> Graph:
        """Mean over the map and one dense layer: the finished network."""
        b = self.builder
        x = b.node(Mean(), [x], name="mean")
        weights = b.constant("head.weights", _filled(0, (classes, self.shape(x)[1])))
        bias = b.constant("head.bias", _filled(0, (classes,)))
        return b.build([b.node(FullyConnected(), [x, weights, bias], name="head")])

    def _normalised(self, name: str, x: str, activation: Activation) -> str:
        shape = self.shape(x)[-1:]
        parameters = [
            self.builder.constant(f"{name}.{parameter}", _filled(value, shape))
            for parameter, value in (("gamma", 1), ("beta", 0), ("mean", 0), ("variance", 1))
        ]
        return self.builder.node(BatchNorm(activation=activation), [x, *parameters], name=f"{name}.norm")


def around(kernel: Pair) -> tuple[int, int, int, int]:
    """Top, bottom, left, right: half of the kernel, for odd ones the same on both sides."""
    rows, columns = kernel
    return rows // 2, rows - 1 - rows // 2, columns // 2, columns - 1 - columns // 2
