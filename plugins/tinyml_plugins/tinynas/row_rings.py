"""Row rings of a block's tensors: the planner's own simulation of the block alone, one channel wide.

Rows that wait depend on windows, strides and sizes, not on channels, and a block's rows are read as soon as they are
there whatever comes before and after it. What simulates one block therefore holds for it in every network.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from tinyml_core.graph import Graph, Node
from tinyml_core.graph.tensor import Tensor
from tinyml_core.program.rings import readings, simulate
from tinyml_plugins.tinynas.layer_needs import Layer, alone


class BlockRings(NamedTuple):
    """Rows alive at once; the residual input's is 0 where there is none."""

    residual: int
    expanded: int
    filtered: int
    projected: int


@lru_cache(maxsize=8192)
def window_rows(kind: str, size: int, kernel: int, stride: int) -> int:
    """Rows of its input that a layer keeps alive in front of it."""
    node, graph = alone(Layer(kind, size, 1, 1, kernel, stride))
    return simulate(graph, [readings(node, graph)], 0, 0).rows[node.inputs[0]]


@lru_cache(maxsize=8192)
def block_rings(size: int, kernel: int, stride: int, residual: bool) -> BlockRings:
    """Rings of an inverted bottleneck that follows a layer which runs by rows as well."""
    layers = [Layer("convolution", size, 1, 1)] * 2
    layers += [Layer("depthwise", size, 1, 1, kernel, stride), Layer("convolution", -(-size // stride), 1, 1)]
    names = ["input", "x", "expanded", "filtered", "projected"]
    tensors: dict[str, Tensor] = {}
    nodes: list[Node] = []
    for index, layer in enumerate(layers):
        node, graph = alone(layer)
        source, target = names[index], names[index + 1]
        tensors |= {f"{target}.{name}": tensor for name, tensor in graph.tensors.items()}
        tensors |= {source: graph.tensors["in0"], target: graph.tensors["out"]}
        constants = tuple(f"{target}.{name}" for name in node.inputs[1:])
        nodes.append(Node(target, node.op, (source, *constants), (target,)))
    if residual:
        node, graph = alone(Layer("add", size, 1, 1))
        tensors["sum"] = graph.tensors["out"]
        nodes.append(Node("sum", node.op, ("x", "projected"), ("sum",)))
    graph = Graph("block", tensors, tuple(nodes), ("input",), nodes[-1].outputs)
    rows = simulate(graph, [readings(node, graph) for node in nodes], 0, len(nodes) - 1).rows
    return BlockRings(rows["x"] if residual else 0, rows["expanded"], rows["filtered"], rows["projected"])
