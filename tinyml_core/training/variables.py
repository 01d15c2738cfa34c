"""Variables: the parameters that learn, taken out of the network's constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tinyml_core.api.optimizer import Parameter
from tinyml_core.api.update_selector import LayerUpdate
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import DepthwiseConv2D, MergeChannels
from tinyml_core.graph.tensor import Array, DType, Quantization, Tensor
from tinyml_core.training.scheme import CHANNEL_AXES


@dataclass(frozen=True, eq=False)
class Variable:
    """A graph input that a training step replaces."""

    name: str
    """The input."""
    updated: str
    """The output that takes its place."""
    initial: Array
    """Its value before the first step."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """A parameter that learns, and where it comes from."""

    parameter: Parameter
    """Its name is that of the variable."""
    node: str
    """The layer it belongs to."""
    channels: tuple[int, ...] | None
    """Of the weights' channels, those that learn; None for all, and for biases."""
    initial: Array
    """Its value in the network."""


def with_variables(graph: Graph, layers: Mapping[str, LayerUpdate]) -> tuple[Graph, tuple[Learnt, ...]]:
    """``graph`` with variables for the parameters of ``layers``, and what they are, in the order of the graph.

    The variables are inputs, ``<node>.weight`` and ``<node>.bias``; where some channels learn, ``<node>.weight.learnt``
    holds them and a :class:`MergeChannels` puts them into the weights. A layer without a bias gets one of zeros;
    weights that several layers share are each layer's own from now on.
    """
    opening = _Opening(graph)
    for node in graph.nodes:
        opening.add(node, layers.get(node.name))
    return opening.finished(), tuple(opening.learnt)


class _Opening:
    """A graph in which constants become variables, node by node."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._tensors = dict(graph.tensors)
        self._nodes: list[Node] = []
        self._names = {*graph.tensors, *(node.name for node in graph.nodes)}
        self.learnt: list[Learnt] = []

    def add(self, node: Node, layer: LayerUpdate | None) -> None:
        """Add ``node``, with variables for what learns of it."""
        if layer is not None:
            operands = list(node.inputs)
            if layer.channels != ():
                operands[1] = self._weights(node, layer.channels)
            if layer.bias:
                operands[2:] = [self._bias(node)]
            node = replace(node, inputs=tuple(operands))
        self._nodes.append(node)

    def finished(self) -> Graph:
        """The graph with the variables behind its inputs."""
        inputs = (*self._graph.inputs, *(learnt.parameter.name for learnt in self.learnt))
        return replace(self._graph, tensors=self._tensors, nodes=tuple(self._nodes), inputs=inputs)

    def _weights(self, node: Node, channels: tuple[int, ...] | None) -> str:
        whole = self._graph.tensors[node.inputs[1]]
        assert whole.data is not None
        if channels is None:
            return self._variable(node, "weight", whole, whole.data)
        axis = CHANNEL_AXES[type(node.op)]
        data = np.take(whole.data, channels, axis=axis)
        quantization = whole.quantization
        if quantization is not None and quantization.axis == axis:  # depthwise: the scales belong to the channels
            quantization = Quantization.per_channel(np.take(quantization.scale, channels), axis)
        part = replace(whole, name="", shape=data.shape, quantization=quantization, data=None)
        learnt = self._variable(node, "weight.learnt", part, data, channels)
        merged = self._free(f"{node.name}.weight.merged")
        self._tensors[merged] = replace(whole, name=merged, data=None)
        self._nodes.append(Node(merged, MergeChannels(channels, axis), (whole.name, learnt), (merged,)))
        return merged

    def _bias(self, node: Node) -> str:
        image, weights = self._graph.inputs_of(node)[:2]
        if len(node.inputs) == 3:
            bias = self._graph.tensors[node.inputs[2]]
            assert bias.data is not None
            return self._variable(node, "bias", bias, bias.data)
        channels = self._graph.outputs_of(node)[0].shape[-1]
        quantization = None
        if weights.quantization is not None:
            scales = np.multiply(weights.quantization.scale, image.scale)
            quantization = Quantization.per_channel(np.broadcast_to(scales, channels), 0)
        bias = Tensor("", (channels,), DType.INT32 if quantization else DType.FLOAT32, quantization)
        return self._variable(node, "bias", bias, np.zeros(channels, bias.dtype.numpy))

    def _variable(
        self, node: Node, what: str, like: Tensor, initial: Array, channels: tuple[int, ...] | None = None
    ) -> str:
        name = f"{node.name}.{what}"
        if like.name != name or self._graph.consumers[name] != (node,):  # it may take the name of the constant
            name = self._free(name)
        self._tensors[name] = replace(like, name=name, data=None)
        image, weights = self._graph.inputs_of(node)[:2]
        role: Literal["weight", "bias"] = "bias" if what == "bias" else "weight"
        scaled = like if role == "weight" else weights
        parameter = Parameter(
            name,
            role,
            like.shape,
            like.dtype,
            3 if role == "weight" and isinstance(node.op, DepthwiseConv2D) else 0,
            scaled.quantization.scale if scaled.quantization else None,
            image.scale if image.quantization else 1.0,
            len(self.learnt),
        )
        self.learnt.append(Learnt(parameter, node.name, channels, initial))
        return name

    def _free(self, name: str) -> str:
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name
