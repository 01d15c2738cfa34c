"""Schemes: what is to learn, checked against the network that it is meant for."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.tensor import DType

CHANNEL_AXES = {Conv2D: 3, DepthwiseConv2D: 3, FullyConnected: 1}
"""Operators whose parameters can learn, with the axis of their weights that a scheme chooses channels of."""


def resolved(scheme: UpdateScheme, graph: Graph) -> Mapping[str, LayerUpdate]:
    """Node name -> what of it learns; a choice of all channels counts as the whole layer, one of nothing is left out.

    Raises:
        InputError: a layer is unknown, there twice, not linear or not int8, or its channels do not suit its weights.
    """
    nodes = {node.name: node for node in graph.nodes}
    layers: dict[str, LayerUpdate] = {}
    for layer in scheme.layers:
        place = f"layer {layer.node!r} of the update scheme"
        if layer.node not in nodes:
            raise InputError(f"is no node of the network {graph.name!r}", place=place, remedy="name one of its layers")
        if layer.node in layers:
            raise InputError("is there twice", place=place)
        channels = _channels(layer, nodes[layer.node], graph, place)
        if layer.bias or channels != ():
            layers[layer.node] = LayerUpdate(layer.node, layer.bias, channels)
    return layers


def _channels(layer: LayerUpdate, node: Node, graph: Graph, place: str) -> tuple[int, ...] | None:
    axis = CHANNEL_AXES.get(type(node.op))
    if axis is None:
        raise InputError(
            f"is a {node.op.kind} node, which has no parameters",
            place=place,
            remedy="name convolutions and dense layers",
        )
    weights = graph.tensors[node.inputs[1]]
    if weights.data is None or weights.dtype is not DType.INT8 or weights.quantization is None:
        raise InputError("has no constant int8 weights", place=place, remedy="quantise the network first")
    if layer.channels is None:
        return None
    size = weights.shape[axis]
    if list(layer.channels) != sorted(set(layer.channels)) or not all(0 <= index < size for index in layer.channels):
        raise InputError(f"has channels that are not ascending numbers below {size}", place=place)
    return None if len(layer.channels) == size else layer.channels
