"""fuse-hard-swish: hard swish, hard sigmoid and swish that a file spells out become one node.

Exporters write ``x * relu6(x + 3) / 6`` in many ways: the sixth before, between or behind, as a product or a quotient,
the limits as a fused activation, a clip or a minimum of a maximum. One node is faster, needs no memory between and
quantises better: one table lookup instead of several roundings.

Quantised graphs are left alone: each of their nodes rounds, the one node would round once, and the bits would differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Add, Binary, Clamp
from tinyml_core.graph.tensor import DType
from tinyml_plugins.passes.gates import ancestors, expression_of
from tinyml_plugins.passes.liveness import without_dead


@dataclass(frozen=True, kw_only=True)
class FuseHardSwish:
    """Fuses float nodes that nobody else reads; the longest pattern first."""

    after: tuple[str, ...] = ("drop-identities", "fold-constants")
    """Passes that run before this one."""

    def apply(self, graph: Graph) -> Graph:
        """The graph with such patterns as one node each; results differ by float32 rounding only."""
        nodes: list[Node] = []
        gone: set[str] = set()
        for node in reversed(graph.nodes):
            if node.outputs[0] not in gone:
                fused, between = _fused(node, graph)
                gone |= between
                nodes.append(fused)
        return without_dead(replace(graph, nodes=tuple(reversed(nodes)))) if gone else graph


def _fused(node: Node, graph: Graph) -> tuple[Node, frozenset[str]]:
    """What computes the pattern that ends in ``node``, and the tensors within it that nobody needs any more."""
    (result, *_) = graph.outputs_of(node)
    if not isinstance(node.op, Add | Binary | Clamp) or result.dtype is not DType.FLOAT32:
        return node, frozenset()
    best, longest = node, frozenset[str]()
    for variable in ancestors(node, graph):
        expression = expression_of(result.name, variable, graph)
        function = None if expression is None else expression.function()
        if expression is None or function is None:
            continue
        between = expression.made - {result.name}
        if len(between) > len(longest) and all(_private(name, expression.made, graph) for name in between):
            best, longest = replace(node, op=function, inputs=(variable,)), between
    return best, longest


def _private(name: str, pattern: frozenset[str], graph: Graph) -> bool:
    """Whether the tensor ``name`` is read within the pattern only."""
    return name not in graph.outputs and all(reader.outputs[0] in pattern for reader in graph.consumers[name])
