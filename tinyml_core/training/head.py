"""Heads: where a network ends for training, in float32 logits [1, classes].

Either the network keeps its own last layer, whose int8 logits are dequantised so that their scale counts, or a new
float32 dense layer takes its place, which is how classes that the network never saw are learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import (
    Conv2D,
    Dequantize,
    FullyConnected,
    LogSoftmax,
    Mean,
    Reshape,
    Softmax,
    Unary,
)
from tinyml_core.graph.tensor import DType
from tinyml_core.training.rewriting import pruned, renamed

LOGITS = "logits"
HEAD = "head"
"""Node of a new head, with a number behind it where the network has such a node."""


@dataclass(frozen=True)
class FloatHead:
    """A new dense layer in float32 (Lin et al., "On-Device Training Under 256KB Memory", 2022, keep it so)."""

    classes: int
    """Outputs of the layer."""
    seed: int = 0
    """Of its first weights, uniform within ``1 / sqrt(features)``; its biases start at 0."""

    def parameters(self, features: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """The first weights [classes, features] and biases [classes]."""
        reach = features**-0.5
        weights = np.random.default_rng(self.seed).uniform(-reach, reach, (self.classes, features))
        return weights.astype(np.float32), np.zeros(self.classes, np.float32)


def own_head(graph: Graph) -> Graph:
    """``graph`` up to its logits: the first output, without a softmax or sigmoid at the end.

    Raises:
        UnsupportedError: the logits are neither int8 nor float32, or belong to several samples.
    """
    name = graph.outputs[0]
    while (node := graph.producers.get(name)) is not None and _is_read_out(node):
        name = node.inputs[0]
    logits = graph.tensors[name]
    if logits.dtype not in (DType.INT8, DType.FLOAT32) or not logits.shape or logits.shape[0] != 1:
        raise UnsupportedError(
            f"logits of type {logits.dtype.value} and shape {list(logits.shape)} cannot be trained",
            place=f"tensor {name!r}",
            remedy="give an int8 network with batch size 1",
        )
    builder = GraphBuilder.extending(graph)
    if logits.dtype is DType.INT8:
        name = builder.node(Dequantize(), [name], name=builder.free(f"{LOGITS}.real"))
    output = builder.node(Reshape((1, logits.elements)), [name], name=builder.free(f"{LOGITS}.row"))
    return renamed(pruned(builder.build([output])), {output: LOGITS})


def new_head(graph: Graph, head: FloatHead) -> tuple[Graph, str]:
    """``graph`` with ``head``, whose parameters are constants yet, in place of its last layer; and the new node's name.

    Raises:
        InputError: there is no class to tell.
        UnsupportedError: the network has no single last layer.
    """
    if head.classes < 1:
        raise InputError(f"has {head.classes} classes; one is the least", place="the new head")
    features = graph.tensors[classifier(graph).inputs[0]]
    builder = GraphBuilder.extending(graph)
    name = features.name
    if features.dtype is DType.INT8:
        name = builder.node(Dequantize(), [name], name=builder.free(f"{HEAD}.features"))
    name = builder.node(Reshape((1, features.elements)), [name], name=builder.free(f"{HEAD}.input"))
    weights, bias = head.parameters(features.elements)
    layer = builder.free(HEAD)
    parameters = (("weight", weights), ("bias", bias))
    operands = [name, *(builder.constant(builder.free(f"{layer}.{what}"), data) for what, data in parameters)]
    output = builder.node(FullyConnected(), operands, name=layer)
    return renamed(pruned(builder.build([output])), {output: LOGITS}), layer


def classifier(graph: Graph) -> Node:
    """The last layer: the dense one, or the convolution, behind which nothing but reading out happens.

    Raises:
        UnsupportedError: something else comes first, seen from the end.
    """
    node = graph.producers.get(graph.outputs[0])
    while node is not None and (_is_read_out(node) or isinstance(node.op, Reshape | Mean)):
        node = graph.producers.get(node.inputs[0])
    if node is None or not isinstance(node.op, Conv2D | FullyConnected):
        found = "its input" if node is None else f"node {node.name!r} ({node.op.kind})"
        raise UnsupportedError(
            f"ends in {found}, not in a layer that a new head can replace",
            place=f"network {graph.name!r}",
            remedy="keep its head",
        )
    return node


def _is_read_out(node: Node) -> bool:
    sigmoid = isinstance(node.op, Unary) and node.op.function == "sigmoid"
    return sigmoid or isinstance(node.op, Softmax | LogSoftmax | Dequantize)
