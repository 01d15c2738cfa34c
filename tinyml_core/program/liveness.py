"""Liveness: from which step to which step a tensor holds something that is still needed."""

from __future__ import annotations

from typing import NamedTuple

from tinyml_core.graph.graph import Graph


class Lifetime(NamedTuple):
    """First and last step, inclusive."""

    first: int
    last: int


def lifetimes(graph: Graph) -> dict[str, Lifetime]:
    """Lifetime of every variable tensor, in order of first use.

    Graph inputs are written before step 0, graph outputs are read after the last one; an output nobody reads lives for
    the step that writes it.
    """
    first = dict.fromkeys(graph.inputs, 0)
    last = dict.fromkeys(graph.inputs, 0)
    for step, node in enumerate(graph.nodes):
        for name in node.inputs:
            if name in first:
                last[name] = step
        for name in node.outputs:
            first[name] = last[name] = step
    for name in graph.outputs:
        if name in first:
            last[name] = max(len(graph.nodes) - 1, 0)
    return {name: Lifetime(first[name], last[name]) for name in first}
