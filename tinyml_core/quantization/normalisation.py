"""Normalisations that no layer could take over: a batch normalisation of an image is a depthwise convolution of 1 by 1.

int8 arithmetic knows no batch normalisation. The pass ``fold-batch-norm`` leaves those in front of a layer, such as at
the input or behind a sum; one that it would have folded was forgotten, and is left to be refused.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import IDENTITY, BatchNorm, Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.tensor import DType, Tensor


def normalisations_as_layers(graph: Graph) -> Graph:
    """``graph`` with such layers for the batch normalisations of images whose parameters are constants."""
    if not any(isinstance(node.op, BatchNorm) for node in graph.nodes):
        return graph
    tensors = dict(graph.tensors)
    nodes = tuple(_layer(node, graph, tensors) for node in graph.nodes)
    return replace(graph, nodes=nodes, tensors=tensors)


def _layer(node: Node, graph: Graph, tensors: dict[str, Tensor]) -> Node:
    image, *parameters = graph.inputs_of(node)
    values = [each.data.astype(np.float64) for each in parameters if each.data is not None]
    if not isinstance(node.op, BatchNorm) or len(image.shape) != 4 or len(values) != len(parameters):
        return node
    if _can_be_folded(image.name, graph):
        return node
    gamma, beta, mean, variance = values
    factor = gamma / np.sqrt(variance + node.op.epsilon)
    names = []
    for role, data in (("weights", factor.reshape(1, 1, 1, -1)), ("bias", beta - mean * factor)):
        name = f"{node.name}/{role}"
        while name in tensors:
            name += "_"
        tensors[name] = Tensor(name, data.shape, DType.FLOAT32, data=data.astype(np.float32))
        names.append(name)
    return replace(node, op=DepthwiseConv2D(activation=node.op.activation), inputs=(node.inputs[0], *names))


def _can_be_folded(image: str, graph: Graph) -> bool:
    """Whether a layer without activation writes ``image`` for the normalisation alone."""
    before = graph.producers.get(image)
    return (
        before is not None
        and isinstance(before.op, Conv2D | DepthwiseConv2D | FullyConnected)
        and before.op.activation == IDENTITY
        and len(graph.consumers[image]) == 1
        and image not in graph.outputs
    )
