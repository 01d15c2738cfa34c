"""drop-identities: nodes that hand on what they read, to the bit, go; of two reshapes in a row the second does both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.arithmetic.reference import prepare
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    IDENTITY,
    Cast,
    Clamp,
    Concat,
    Expand,
    Pad,
    Quantize,
    Reshape,
    Slice,
    Tile,
    Transpose,
)
from tinyml_core.graph.tensor import DType, Tensor
from tinyml_plugins.passes.liveness import without_dead


@dataclass(frozen=True, kw_only=True)
class DropIdentities:
    """Drops where shape, type and quantisation stay and every value does."""

    after: tuple[str, ...] = ("drop-dead-nodes", "fold-constants", "sink-transposes")
    """Passes that run before this one."""

    def apply(self, graph: Graph) -> Graph:
        """The graph without such nodes; its outputs keep their names and every bit."""
        if not any(type(node.op) in UNCHANGED for node in graph.nodes):
            return graph
        work = _Rewriting(graph)
        for node in graph.nodes:
            work.visit(node)
        return work.finished()


class _Rewriting:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._same: dict[str, str] = {}
        """Tensor that is gone -> the one that holds the same."""
        self._nodes: dict[str, Node] = {}
        """By the name of the tensor that each writes first."""
        self._changed = False

    def _name(self, name: str) -> str:
        while name in self._same:
            name = self._same[name]
        return name

    def visit(self, node: Node) -> None:
        graph, output = self._graph, node.outputs[0]
        node = replace(node, inputs=tuple(map(self._name, node.inputs)))
        before = self._nodes.get(node.inputs[0])
        if isinstance(node.op, Reshape) and before is not None and isinstance(before.op, Reshape):
            first, last = graph.tensors[before.inputs[0]], graph.tensors[output]
            if first.quantization == graph.tensors[node.inputs[0]].quantization == last.quantization:
                node = replace(node, inputs=tuple(map(self._name, before.inputs)))
                self._changed = True
        source = node.inputs[0]
        if _is_identity(node, graph):
            if output not in graph.outputs:
                self._same[output] = source
                self._changed = True
                return
            if source in self._nodes and source not in graph.outputs and len(self._nodes[source].outputs) == 1:
                self._same[source] = output  # the producer writes the output itself
                self._nodes[output] = replace(self._nodes.pop(source), outputs=(output,))
                self._changed = True
                return
        self._nodes[output] = node

    def finished(self) -> Graph:
        graph = self._graph
        if not self._changed:
            return graph
        written = {node.name: node for node in self._nodes.values()}
        nodes = (written[node.name] for node in graph.nodes if node.name in written)
        renamed = (replace(node, inputs=tuple(map(self._name, node.inputs))) for node in nodes)
        return without_dead(replace(graph, nodes=tuple(renamed)))


def _is_identity(node: Node, graph: Graph) -> bool:
    check = UNCHANGED.get(type(node.op))
    if check is None:
        return False
    source, output = graph.inputs_of(node)[0], graph.outputs_of(node)[0]
    kept = (source.shape, source.dtype, source.quantization) == (output.shape, output.dtype, output.quantization)
    return kept and check(node, graph, source)


def _always(node: Node, graph: Graph, source: Tensor) -> bool:
    return True  # equal shapes and types say it


def _reads_one(node: Node, graph: Graph, source: Tensor) -> bool:
    return len(node.inputs) == 1


def _in_order(node: Node, graph: Graph, source: Tensor) -> bool:
    if isinstance(node.op, Transpose):
        return node.op.axes == tuple(range(len(source.shape)))
    return isinstance(node.op, Slice) and min(node.op.steps, default=1) > 0


def _every_value_stays(node: Node, graph: Graph, source: Tensor) -> bool:
    """Try all values of the type: that covers rounding, activation limits and both rounding modes."""
    if source.dtype is DType.FLOAT32:
        return isinstance(node.op, Clamp) and node.op.activation == IDENTITY
    if source.dtype.size > 2:
        return False
    low, high = source.dtype.limits
    values = np.arange(low, high + 1).astype(source.dtype.numpy)
    try:
        return bool(np.array_equal(prepare(node, graph)([values]), values))
    except UnsupportedError:  # told, with its remedy, when the network is compiled
        return False


UNCHANGED: dict[type[Operator], Callable[[Node, Graph, Tensor], bool]] = {
    Cast: _always,
    Clamp: _every_value_stays,
    Concat: _reads_one,
    Expand: _always,
    Pad: _always,
    Quantize: _every_value_stays,
    Reshape: _always,
    Slice: _in_order,
    Tile: _always,
    Transpose: _in_order,
}
"""What tells whether a node whose output looks like its input also holds the same."""
