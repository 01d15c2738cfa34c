"""Passes: rewritings of a graph that keep what it computes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tinyml_core.graph.graph import Graph


@runtime_checkable
class GraphPass(Protocol):
    """One rewriting."""

    @property
    def after(self) -> tuple[str, ...]:
        """Names of passes that run before this one when both are active."""
        ...

    def apply(self, graph: Graph) -> Graph:
        """The rewritten graph, or ``graph`` itself when there was nothing to do."""
        ...
