"""Merging: one node takes over the work of the node behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import Tensor
from tinyml_plugins.passes.liveness import without_dead


@dataclass(frozen=True)
class Merged:
    """The node that does both jobs, less its outputs, and the constants it newly reads."""

    node: Node
    constants: tuple[Tensor, ...] = ()


Merge = Callable[[Graph, Node, Node], Merged | None]
"""Given a graph, a node and the only reader of its only output: what does both jobs, or None when nothing can."""


def merge_pairs(graph: Graph, merge: Merge) -> Graph:
    """``graph`` with every pair merged that ``merge`` accepts, chains too; itself when there is none.

    The merged node keeps the first node's name and place and writes the second one's tensor, so that no reader changes.
    """
    nodes = {node.name: node for node in graph.nodes}
    producers = dict(graph.producers)
    tensors: dict[str, Tensor] = dict(graph.tensors)
    work = replace(graph, tensors=tensors)
    for second in graph.nodes:
        first = producers.get(second.inputs[0])
        if first is None or first.outputs != second.inputs[:1] or first.outputs[0] in graph.outputs:
            continue
        if len(graph.consumers[first.outputs[0]]) > 1 or second.inputs.count(first.outputs[0]) > 1:
            continue
        merged = merge(work, first, second)
        if merged is None:
            continue
        node = replace(merged.node, name=first.name, outputs=second.outputs)
        tensors.update((tensor.name, tensor) for tensor in merged.constants)
        nodes[first.name] = node
        del nodes[second.name]
        producers[second.outputs[0]] = node
    if len(nodes) == len(graph.nodes):
        return graph
    return without_dead(replace(work, nodes=tuple(nodes.values())))
