"""Passes in order: every installed one but those left out, sorted by what each says it comes after, ties by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from tinyml_core.api.graph_pass import GraphPass
from tinyml_core.errors import InputError, PluginError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.verify import verify
from tinyml_core.suggestion import did_you_mean

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


@dataclass(frozen=True)
class Size:
    """What a pass may shrink: nodes, multiply-accumulates of one inference, bytes of all constants."""

    nodes: int
    macs: int
    constant_bytes: int

    @classmethod
    def of(cls, graph: Graph) -> Size:
        """The size of ``graph``."""
        return cls(len(graph.nodes), graph.macs, graph.constant_bytes)


@dataclass(frozen=True)
class Applied:
    """A pass that has run."""

    name: str
    changed: bool
    before: Size
    after: Size


def ordered_passes(platform: Platform, without: Collection[str] = ()) -> list[tuple[str, GraphPass]]:
    """Name and pass, in the order they run; ``without`` names those that do not.

    Raises:
        InputError: ``without`` names no pass.
        PluginError: the passes wait for each other in a circle.
    """
    known = sorted(platform.names(GraphPass))
    for name in without:
        if name not in known:
            raise InputError(
                f"no pass is called {name!r}", place="passes to leave out",
                remedy=did_you_mean(name, known) or "type `tinyml passes` for the list",
            )  # fmt: skip
    passes = {name: platform.create(GraphPass, name) for name in known if name not in without}
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


def apply_passes(graph: Graph, platform: Platform, without: Collection[str] = ()) -> Graph:
    """The graph after every pass but those in ``without``, verified; raises what :func:`ordered_passes` does."""
    for _, one in ordered_passes(platform, without):
        graph = one.apply(graph)
    return verify(graph)


def trace_passes(graph: Graph, platform: Platform, without: Collection[str] = ()) -> tuple[Graph, list[Applied]]:
    """What :func:`apply_passes` gives, and what each pass did to the graph."""
    applied = []
    for name, one in ordered_passes(platform, without):
        rewritten = verify(one.apply(graph))
        applied.append(Applied(name, rewritten is not graph, Size.of(graph), Size.of(rewritten)))
        graph = rewritten
    return graph, applied
