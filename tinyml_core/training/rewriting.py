"""Rewriting of whole graphs: tensors renamed, dead nodes dropped, early saving of what the backward pass needs."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Gather, SaturationMask

_SAVING = (Gather, SaturationMask)


def renamed(graph: Graph, names: Mapping[str, str], reserved: Collection[str] = ()) -> Graph:
    """``graph`` with new names for tensors; one that has such a name, or a reserved one, already gets another."""
    new = dict(names)
    for name in graph.tensors:
        if name in (*names.values(), *reserved) and name not in new:
            new[name] = next(each for number in itertools.count(1) if (each := f"{name}.{number}") not in graph.tensors)

    def of(given: Iterable[str]) -> tuple[str, ...]:
        return tuple(new.get(name, name) for name in given)

    tensors = {new.get(name, name): replace(tensor, name=new.get(name, name)) for name, tensor in graph.tensors.items()}
    nodes = tuple(replace(node, inputs=of(node.inputs), outputs=of(node.outputs)) for node in graph.nodes)
    axes = {new.get(name, name): permutation for name, permutation in graph.axes.items()}
    state = {new.get(name, name): new.get(updated, updated) for name, updated in graph.state.items()}
    return Graph(graph.name, tensors, nodes, of(graph.inputs), of(graph.outputs), graph.rounding, axes, state)


def pruned(graph: Graph) -> Graph:
    """``graph`` without nodes that reach no output and without tensors that nobody reads; its inputs stay."""
    needed, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            nodes.append(node)
    kept = needed.union(graph.inputs, *(node.outputs for node in nodes))
    tensors = {name: tensor for name, tensor in graph.tensors.items() if name in kept}
    axes = {name: axes for name, axes in graph.axes.items() if name in (*graph.inputs, *graph.outputs)}
    return replace(graph, tensors=tensors, nodes=tuple(reversed(nodes)), axes=axes)


def saved_early(graph: Graph) -> Graph:
    """``graph`` with masks and chosen channels taken as soon as the activation is there, so that it need not stay."""
    early = {node.name for node in graph.nodes if isinstance(node.op, _SAVING)}
    waiting: dict[str | None, list[Node]] = {}
    for node in graph.nodes:
        if node.name in early:
            producer = graph.producers.get(node.inputs[0])
            waiting.setdefault(producer.name if producer else None, []).append(node)
    order: list[Node] = []

    def place(nodes: Iterable[Node]) -> None:
        for node in nodes:
            order.append(node)
            place(waiting.get(node.name, ()))

    place(waiting.get(None, ()))
    place(node for node in graph.nodes if node.name not in early)
    return replace(graph, nodes=tuple(order))
