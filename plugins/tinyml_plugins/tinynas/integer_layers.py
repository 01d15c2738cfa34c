"""Integer layers: the int8 network that passes and quantiser would make of what a builder writes, written at once.

Costs follow from types, shapes and fused activations, so scales are placeholders. A network costs a fiftieth of the way
over the float graph; a test compares both.
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import NamedTuple

import numpy as np

from tinyml_core.graph import DType, Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU6,
    Activation,
    Add,
    Binary,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Mean,
    Reshape,
    Unary,
)
from tinyml_core.graph.tensor import Quantization, Tensor
from tinyml_core.quantization.graph import INPUT_PLACEHOLDER, PLACEHOLDER
from tinyml_core.quantization.scales import activation_quantization
from tinyml_plugins.tinynas.layers import Layers, Pair, around

WEIGHTS = Quantization.per_tensor(2.0**-7)
BIASES = Quantization.per_tensor(2.0**-11)
IMAGE = activation_quantization(INPUT_PLACEHOLDER)


class Piece(NamedTuple):
    """A node with the tensors it brings, the last one its output."""

    node: Node
    tensors: tuple[tuple[str, Tensor], ...]


@lru_cache(maxsize=65536)
def _interned(tensor: Tensor) -> Tensor:
    """The one tensor that equals ``tensor``: what is known of it is found by identity."""
    return tensor


@lru_cache(maxsize=65536)
def _piece(name: str, op: Operator, inputs: tuple[Tensor, ...], weights: tuple[int, ...]) -> Piece:
    """The layer ``name``; networks of one space share most of theirs. Weights have a bias for each filter."""
    constants: list[Tensor] = []
    if weights:
        filters = weights[-1] if isinstance(op, DepthwiseConv2D) else weights[0]
        constants = [
            Tensor(f"{name}.weights", weights, DType.INT8, WEIGHTS, np.broadcast_to(np.int8(0), weights)),
            Tensor(f"{name}.bias", (filters,), DType.INT32, BIASES, np.broadcast_to(np.int32(0), (filters,))),
        ]
    operands = [*inputs, *constants]
    ((shape, dtype),) = op.infer(operands)
    limits = getattr(op, "activation", IDENTITY)
    low, high = (limit if isfinite(limit) else other for limit, other in zip(limits, PLACEHOLDER, strict=True))
    scale = inputs[0].quantization if isinstance(op, Reshape) else activation_quantization((low, high))
    output = _interned(Tensor(name, shape, dtype, scale))
    node = Node(name, op, tuple(tensor.name for tensor in operands), (name,))
    return Piece(node, tuple((tensor.name, tensor) for tensor in (*constants, output)))


@lru_cache(maxsize=4096)
def _convolution(kernel: Pair, stride: Pair, activation: Activation) -> Operator:
    return Conv2D(stride=stride, padding=around(kernel), activation=activation)


@lru_cache(maxsize=4096)
def _depthwise(kernel: Pair, stride: Pair) -> Operator:
    return DepthwiseConv2D(stride=stride, padding=around(kernel), activation=RELU6)


class IntegerLayers(Layers):
    """Writes the same network as :class:`~tinyml_plugins.tinynas.layers.Layers`, quantised."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._name, self._tensors = name, dict[str, Tensor]()
        self._nodes: list[Node] = []

    def shape(self, x: str) -> tuple[int, ...]:
        """The shape behind a handle."""
        return self._tensors[x].shape

    def image(self, shape: tuple[int, ...]) -> str:
        """The int8 input."""
        self._tensors["image"] = _interned(Tensor("image", (1, *shape), DType.INT8, IMAGE))
        return self._write("signal", Reshape((1, shape[0], 1, shape[1])), "image") if len(shape) == 2 else "image"

    def convolution(
        self, name: str, x: str, width: int, *, kernel: Pair = (1, 1), stride: Pair = (1, 1),
        activation: Activation = RELU6,
    ) -> str:  # fmt: skip
        """A convolution with the normalisation folded and the activation fused."""
        weights = (width, *kernel, self.shape(x)[3])
        return self._write(name, _convolution(kernel, stride, activation), x, weights=weights)

    def depthwise(self, name: str, x: str, *, kernel: Pair, stride: Pair = (1, 1)) -> str:
        """A depthwise convolution with the normalisation folded and the activation fused."""
        return self._write(name, _depthwise(kernel, stride), x, weights=(1, *kernel, self.shape(x)[3]))

    def add(self, name: str, x: str, y: str, activation: Activation = IDENTITY) -> str:
        """The sum of two tensors of one shape."""
        return self._write(name, Add(activation=activation), x, y)

    def squeeze_excite(self, name: str, x: str, squeezed: int) -> str:
        """Channels scaled by a gate."""
        gate = self._write(f"{name}.squeeze", Mean(axes=(1, 2), keep_axes=True), x)
        gate = self.convolution(f"{name}.reduce", gate, squeezed)
        gate = self.convolution(f"{name}.restore", gate, self.shape(x)[3], activation=IDENTITY)
        gate = self._write(f"{name}.gate", Unary(function="hard_sigmoid", alpha=1 / 6, beta=0.5), gate)
        return self._write(f"{name}.scale", Binary(function="multiply"), x, gate)

    def classifier(self, x: str, classes: int) -> Graph:
        """Mean over the map and one dense layer: the finished network."""
        x = self._write("mean", Mean(), x)
        x = self._write("head", FullyConnected(), x, weights=(classes, self.shape(x)[1]))
        return Graph(self._name, self._tensors, tuple(self._nodes), ("image",), (x,))

    def _write(self, name: str, op: Operator, *inputs: str, weights: tuple[int, ...] = ()) -> str:
        piece = _piece(name, op, tuple(self._tensors[x] for x in inputs), weights)
        self._nodes.append(piece.node)
        self._tensors.update(piece.tensors)
        return name
