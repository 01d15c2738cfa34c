"""fold-constants: a node that reads constants alone is computed now, by the reference executor's own kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.arithmetic.reference import prepare
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import Array, Tensor
from tinyml_plugins.passes.liveness import without_dead


@dataclass(frozen=True, kw_only=True)
class FoldConstants:
    """Folds within limits, so that a file of a few bytes cannot ask for hours or gigabytes."""

    after: tuple[str, ...] = ("drop-dead-nodes",)
    """Passes that run before this one."""
    largest_bytes: int = 1 << 20
    """Bytes of a node's inputs and result above which it is left to the device."""
    most_operations: int = 1 << 24
    """Multiply-accumulates, or elements read, above which a node is left to the device."""

    def apply(self, graph: Graph) -> Graph:
        """The graph without such nodes; what they compute is the same to the bit, since the same kernels compute it."""
        tensors = dict(graph.tensors)
        work = replace(graph, tensors=tensors)
        nodes = []
        for node in graph.nodes:
            folded = self._folded(node, work)
            if folded is None:
                nodes.append(node)
            else:
                tensors[folded.name] = folded
        if len(nodes) == len(graph.nodes):
            return graph
        return without_dead(replace(work, nodes=tuple(nodes)))

    def _folded(self, node: Node, graph: Graph) -> Tensor | None:
        values = [tensor.data for tensor in graph.inputs_of(node) if tensor.data is not None]
        if len(values) < len(node.inputs) or len(node.outputs) != 1 or not self._within_limits(node, graph):
            return None
        try:
            kernel = prepare(node, graph)
        except UnsupportedError:  # told, with its remedy, when the network is compiled
            return None
        with np.errstate(all="ignore"):
            data: Array = np.array(kernel(values))  # a copy: some kernels return a view of what they read
        return replace(graph.outputs_of(node)[0], data=data)

    def _within_limits(self, node: Node, graph: Graph) -> bool:
        inputs, outputs = graph.inputs_of(node), graph.outputs_of(node)
        operations = max(node.op.macs(inputs, outputs), node.op.operations(inputs, outputs))
        total = sum(tensor.bytes for tensor in (*inputs, *outputs))
        return total <= self.largest_bytes and operations <= self.most_operations
