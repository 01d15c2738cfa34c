"""Joining: the two graphs of a step with several samples as one, for a device that has one arena.

The sums of gradients are replaced by what the last sample makes of them; that they start anew afterwards is no node,
since the update reads them where they lie.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import Tensor
from tinyml_core.graph.verify import verify
from tinyml_core.training.rewriting import pruned


def joined(graph: Graph, apply: Graph, sums: Collection[str]) -> Graph:
    """``graph``, which adds gradients up to ``sums``, and behind it ``apply``, which updates by them.

    Inputs are those of both, variables last; outputs the first ones of ``graph``, then one new value for each variable.

    Raises:
        GraphError: they do not suit each other.
    """
    totals = {name: graph.state[name] for name in sums}
    names = _apart(graph, apply) | totals
    started = {apply.state[name] for name in sums}
    update = [_renamed(node, names) for node in apply.nodes if started.isdisjoint(node.outputs)]
    tensors = {names.get(name, name): replace(each, name=names.get(name, name)) for name, each in apply.tensors.items()}
    replaced = {name: names.get(updated, updated) for name, updated in apply.state.items() if name not in totals}
    state = replaced | totals
    settings = [name for name in apply.inputs if name not in apply.state]
    samples = [name for name in graph.inputs if name not in state]
    variables = [name for name in dict.fromkeys((*graph.inputs, *apply.inputs)) if name in state]
    told = [name for name in graph.outputs if name not in totals.values()]
    whole = replace(
        graph,
        tensors={**tensors, **graph.tensors},
        nodes=(*graph.nodes, *_fenced(update, tensors)),
        inputs=(*samples, *settings, *variables),
        outputs=(*told, *(state[name] for name in variables)),
        state={name: state[name] for name in variables},
    )
    return verify(pruned(whole))


def _apart(graph: Graph, apply: Graph) -> dict[str, str]:
    """New names for what ``apply`` computes or holds, where ``graph`` has such a name."""
    taken, names = {*graph.tensors, *apply.tensors}, dict[str, str]()
    for name in apply.tensors:
        if name in graph.tensors and name not in apply.inputs:
            new = f"apply.{name}"
            while new in taken:
                new += "_"
            taken.add(new)
            names[name] = new
    return names


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    inputs, outputs = (tuple(names.get(name, name) for name in each) for each in (node.inputs, node.outputs))
    return Node(f"apply.{node.name}", node.op, inputs, outputs)


def _fenced(nodes: Sequence[Node], tensors: Mapping[str, Tensor]) -> list[Node]:
    """The nodes in an order that begins with one that no segment of rows crosses, as the update may not run."""
    computed = {name for node in nodes for name in node.outputs}
    for node in nodes:
        if len(tensors[node.outputs[0]].shape) != 4 and computed.isdisjoint(node.inputs):
            return [node, *(other for other in nodes if other is not node)]
    return list(nodes)
