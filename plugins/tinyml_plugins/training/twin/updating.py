"""Updates: the nodes behind the gradients of a training step, alone, so that any optimizer works on any gradient."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Binary, Cast, SaturatingSubtract, StochasticRound
from tinyml_core.graph.tensor import DType
from tinyml_core.training.rewriting import pruned
from tinyml_core.training.step import RATE, SEED, TrainingStep


def update_graph(step: TrainingStep) -> Graph:
    """Gradients, rate, seed and variables to the new variables.

    Raises:
        UnsupportedError: the step accumulates gradients; the twin takes several samples at once instead.
    """
    if step.samples != 1:
        raise UnsupportedError(
            "adds up gradients", place=f"training step of {step.graph.name!r}", remedy="build it with samples=1"
        )
    gradients = tuple(step.gradients.values())
    nodes = tuple(node for node in step.graph.nodes if node.outputs[0] not in gradients)
    outputs = tuple(each.updated for each in step.variables)
    inputs = (*gradients, RATE, SEED, *(each.name for each in step.variables))
    graph = pruned(replace(step.graph, nodes=nodes, inputs=inputs, outputs=outputs, axes={}))
    used = {*graph.outputs, *(name for node in graph.nodes for name in node.inputs)}
    return replace(
        graph,
        inputs=tuple(name for name in inputs if name in used),
        tensors={name: tensor for name, tensor in graph.tensors.items() if name in used or name in graph.producers},
    )


def without_rounding(graph: Graph, parameters: Collection[str]) -> Graph:
    """An update graph whose integer ``parameters`` are float32: nothing is rounded, nothing saturates.

    Raises:
        UnsupportedError: the optimizer rounds in another way than stochastically.
    """
    exact = {node.outputs[0]: node.inputs[0] for node in graph.nodes if isinstance(node.op, StochasticRound)}
    tensors, nodes = dict(graph.tensors), list[Node]()
    for name in (*parameters, *(node.outputs[0] for node in graph.nodes if isinstance(node.op, SaturatingSubtract))):
        tensors[name] = replace(tensors[name], dtype=DType.FLOAT32, quantization=None)
    for node in graph.nodes:
        if isinstance(node.op, Cast):
            raise UnsupportedError("rounds to nearest", place=f"node {node.name!r}", remedy="round stochastically")
        if isinstance(node.op, SaturatingSubtract):
            change = exact[node.inputs[1]]
            node = replace(node, op=Binary("subtract"), inputs=(node.inputs[0], change))
        nodes.append(node)
    return pruned(replace(graph, tensors=tensors, nodes=tuple(nodes)))
