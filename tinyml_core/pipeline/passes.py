"""Passes in order: every installed one, sorted by what each says it comes after, ties by name."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from tinyml_core.api.graph_pass import GraphPass
from tinyml_core.errors import PluginError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.verify import verify

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


def ordered_passes(platform: Platform) -> list[tuple[str, GraphPass]]:
    """Name and pass, in the order they run.

    Raises:
        PluginError: the passes wait for each other in a circle.
    """
    passes = {name: platform.create(GraphPass, name) for name in sorted(platform.names(GraphPass))}
    sorter = TopologicalSorter({name: [n for n in one.after if n in passes] for name, one in passes.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise PluginError(f"passes wait for each other: {circle}", remedy="disable one with --no-plugin") from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return [(name, passes[name]) for name in order]


def apply_passes(graph: Graph, platform: Platform) -> Graph:
    """The graph after every pass, verified."""
    for _, one in ordered_passes(platform):
        graph = one.apply(graph)
    return verify(graph)
