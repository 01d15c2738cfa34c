"""Layers in parts: a convolution whose weights are merged computes some output channels at a time.

Where only some input channels learn, the whole weights are put together before they are read. In the last layers they
are far larger than what is computed with them, so each part of them is merged, read and forgotten before the next.
Every output is the same integer as before.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Concat, Conv2D, FullyConnected, MergeChannels, Slice
from tinyml_core.graph.tensor import Quantization, Tensor
from tinyml_core.training.dividing import MULTIPLE, cut_name
from tinyml_core.training.rewriting import pruned


def layers_in_parts(graph: Graph, widest: int) -> Graph:
    """``graph`` with every layer in parts whose merged weights exceed ``widest`` bytes and outweigh its outputs."""
    writer = _Writer(graph, widest)
    for node in graph.nodes:
        writer.add(node)
    return writer.finished()


class _Writer:
    def __init__(self, graph: Graph, widest: int) -> None:
        self._graph, self._widest = graph, widest
        self._tensors = dict(graph.tensors)
        self._nodes: list[Node] = []

    def add(self, node: Node) -> None:
        """Add a node, or its parts."""
        merging = self._graph.producers.get(node.inputs[1]) if isinstance(node.op, Conv2D | FullyConnected) else None
        size = self._size(node, merging) if merging is not None and isinstance(merging.op, MergeChannels) else 0
        if merging is None or not size:
            self._nodes.append(node)
            return
        (output,) = self._graph.outputs_of(node)
        channels, parts = output.shape[-1], []
        for first in range(0, channels, size):
            count, name = min(size, channels - first), f"{output.name}.{first}"
            whole, learnt = (self._cut(each, name, first, count) for each in merging.inputs)
            scales = self._tensors[whole].quantization
            weights = self._emit(merging.op, [whole, learnt], f"{name}.weight", scales)
            bias = [self._cut(each, name, first, count) for each in node.inputs[2:]]
            parts.append(self._emit(node.op, [node.inputs[0], weights, *bias], name, output.quantization))
        self._nodes.append(Node(node.name, Concat(len(output.shape) - 1), tuple(parts), node.outputs))

    def finished(self) -> Graph:
        """The graph, without what no longer is read."""
        return pruned(replace(self._graph, nodes=tuple(self._nodes), tensors=self._tensors))

    def _size(self, node: Node, merging: Node) -> int:
        """Channels of a part, those of the gradient's where constants are cut for it; 0: not worth it."""
        weights, (output,) = self._tensors[node.inputs[1]], self._graph.outputs_of(node)
        channels = weights.shape[0]
        each = weights.bytes // channels
        most = max(MULTIPLE, self._widest // each // MULTIPLE * MULTIPLE)
        if most >= channels or output.bytes + most * each >= weights.bytes:
            return 0
        known = (size for size in range(MULTIPLE, channels) if cut_name(merging.inputs[0], 0, 0, size) in self._tensors)
        return next(known, -(-channels // (-(-channels // most) * MULTIPLE)) * MULTIPLE)

    def _cut(self, name: str, part: str, first: int, count: int) -> str:
        """Indices of axis 0, as a constant, which others may read too, or by a :class:`Slice` of its own."""
        tensor = self._tensors[name]
        scales = tensor.quantization
        if scales is not None and scales.axis == 0 and len(scales.scale) > 1:
            scales = Quantization.per_channel(scales.scale[first : first + count], 0)
        if tensor.data is None:
            shape = (count, *tensor.shape[1:])
            start = (first, *(0,) * (len(shape) - 1))
            return self._emit(Slice(start, shape, (1,) * len(shape)), [name], f"{part}.of.{name}", scales)
        cut = cut_name(name, 0, first, count)
        data = np.ascontiguousarray(tensor.data[first : first + count])
        self._tensors[cut] = replace(tensor, name=cut, shape=data.shape, quantization=scales, data=data)
        return cut

    def _emit(self, op: Operator, inputs: list[str], name: str, quantization: Quantization | None) -> str:
        ((shape, dtype),) = op.infer([self._tensors[each] for each in inputs])
        self._tensors[name] = Tensor(name, shape, dtype, quantization)
        self._nodes.append(Node(name, op, tuple(inputs), (name,)))
        return name
