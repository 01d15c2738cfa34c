"""Dividing: wide gradients are computed some channels at a time, so that no step holds the whole of one.

In an inverted bottleneck the gradient between its two pointwise convolutions is several times as wide as those around
it, in float32. From where it arises, through masks and depthwise convolutions, every channel goes its own way; what ends
the way adds its channels up or puts them side by side. So the way is gone part by part. Sums over channels become sums
of the parts' sums, in this order on every machine.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import (
    Add,
    BiasGradient,
    Concat,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    MaskedScale,
    MergeChannels,
    SaturationMask,
    Slice,
)
from tinyml_core.graph.tensor import Quantization, Tensor

WIDEST = 32768
"""Bytes of a gradient that are still computed at once."""
MULTIPLE = 8
"""Channels of a part are a multiple of this, as masks have bytes of eight bits."""


@dataclass(frozen=True)
class _Way:
    """Where a wide gradient goes: nodes that keep its channels apart, and those that end it."""

    nodes: tuple[Node, ...]
    wide: frozenset[str]
    channels: int
    bytes: int


def divided(graph: Graph, widest: int = WIDEST) -> Graph:
    """``graph`` with every gradient above ``widest`` bytes in parts, where its way allows it."""
    for start in graph.nodes:
        if isinstance(start.op, Conv2DInputGradient) and start in graph.nodes:
            way = _way(graph, start)
            if way is not None and way.bytes > widest:
                graph = _Division(graph, way, widest).divided()
    return graph


def _way(graph: Graph, start: Node) -> _Way | None:
    """The way of a node's output; None where it ends in something that needs all channels at once."""
    output = graph.outputs_of(start)[0]
    wide, nodes = {output.name}, [start]
    for node in graph.nodes:
        if wide.isdisjoint(node.inputs):
            continue
        operands = [index for index, name in enumerate(node.inputs) if name in wide]
        if operands != [_OPERAND.get(type(node.op))] or not _separable(node, graph):
            return None
        nodes.append(node)
        if isinstance(node.op, MaskedScale | DepthwiseInputGradient):
            wide.update(node.outputs)
    if wide.intersection(graph.outputs):
        return None
    return _Way(tuple(nodes), frozenset(wide), output.shape[-1], max(graph.tensors[name].bytes for name in wide))


_OPERAND = {
    MaskedScale: 0,
    DepthwiseInputGradient: 0,
    BiasGradient: 0,
    Conv2DInputGradient: 0,
    Conv2DWeightGradient: 1,
    DepthwiseWeightGradient: 1,
}
"""Operators that a wide gradient may come to, and which of their operands it is."""


def _separable(node: Node, graph: Graph) -> bool:
    inputs = graph.inputs_of(node)
    if isinstance(node.op, MaskedScale):
        producer = graph.producers.get(node.inputs[1])
        return producer is not None and isinstance(producer.op, SaturationMask)
    if isinstance(node.op, DepthwiseInputGradient):
        return node.op.multiplier == 1
    if isinstance(node.op, DepthwiseWeightGradient):
        return inputs[0].shape[-1] == inputs[1].shape[-1]
    return True


class _Division:
    """A graph in which one way is gone part by part."""

    def __init__(self, graph: Graph, way: _Way, widest: int) -> None:
        self._graph, self._way = graph, way
        self._builder = GraphBuilder.extending(replace(graph, nodes=()))
        most = max(MULTIPLE, widest * way.channels // way.bytes // MULTIPLE * MULTIPLE)
        count = -(-way.channels // most)
        size = -(-way.channels // count // MULTIPLE) * MULTIPLE
        self._parts = [(first, min(first + size, way.channels)) for first in range(0, way.channels, size)]
        self._ends = [node for node in way.nodes if not way.wide.intersection(node.outputs)]
        """Nodes whose outputs are put together again."""
