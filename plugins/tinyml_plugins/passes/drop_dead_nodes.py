"""drop-dead-nodes: what reaches no output of the network is not computed, and constants nobody reads are not kept."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.graph.graph import Graph
from tinyml_plugins.passes.liveness import without_dead


@dataclass(frozen=True, kw_only=True)
class DropDeadNodes:
    """Runs first, so that no other pass works on what is thrown away."""

    after: tuple[str, ...] = ()
    """Passes that run before this one."""

    def apply(self, graph: Graph) -> Graph:
        """The graph without such nodes and tensors; its outputs are computed by the same nodes as before."""
        return without_dead(graph)
