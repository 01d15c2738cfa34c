"""Liveness: what of a graph its outputs need; every pass drops what its rewriting leaves unread."""

from __future__ import annotations

from dataclasses import replace

from tinyml_core.graph.graph import Graph


def without_dead(graph: Graph) -> Graph:
    """``graph`` less the nodes whose results reach no output and the tensors that nobody touches; itself when all do.

    Graph inputs stay, read or not: they are how the network is called.
    """
    read = set(graph.outputs)
    live = []
    for node in reversed(graph.nodes):
        if not read.isdisjoint(node.outputs):
            live.append(node)
            read.update(node.inputs)
    touched = read.union(graph.inputs, *(node.outputs for node in live))
    if len(live) == len(graph.nodes) and len(touched) == len(graph.tensors):
        return graph
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in touched}
    return replace(graph, nodes=tuple(reversed(live)), tensors=tensors)
