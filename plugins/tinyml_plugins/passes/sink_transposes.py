"""sink-transposes: a transposition moves behind what reads it, until it meets another one or shrinks.

Exporters put one before and one behind whatever wants another layout. Two that meet become one or nothing, one behind a
mean moves fewer elements, and one that only moves axes of size 1 is a reshape. Where a dense layer of integers reads an
image as one row, the columns of its weights change places instead. Every element is computed from the same operands,
floats in the same order, so that no bit changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Concat, FullyConnected, Reshape, Transpose
from tinyml_core.graph.tensor import Tensor
from tinyml_plugins.passes.liveness import without_dead
from tinyml_plugins.passes.transposed import RULES, Axes, before, composed, constant_before


@dataclass(frozen=True, kw_only=True)
class SinkTransposes:
    """Of sinking only what has one reader, and sinking into every reader, it takes what moves fewer bytes."""

    after: tuple[str, ...] = ("drop-dead-nodes", "fold-constants")
    """Passes that run before this one; ``drop-identities`` comes after it."""

    def apply(self, graph: Graph) -> Graph:
        """The graph with its transpositions where they cost least; its outputs are the same to the bit."""
        if not any(isinstance(node.op, Transpose) for node in graph.nodes):
            return graph
        rewritten = [_Sinking(graph, shared).done() for shared in (False, True)]
        return min([graph, *rewritten], key=_moved)


def _moved(graph: Graph) -> int:
    """Bytes that transpositions move, and one for each node."""
    turned = (graph.outputs_of(node)[0].bytes for node in graph.nodes if isinstance(node.op, Transpose))
    return sum(turned) + len(graph.nodes)


@dataclass(frozen=True)
class _Waiting:
    """A tensor that is ``source`` with other ``axes``; ``node`` will write it, if somebody reads it."""

    source: str
    axes: Axes
    node: str


@dataclass
class _Sinking:
    graph: Graph
    shared: bool
    """Whether a transposition with several readers sinks too."""
    nodes: list[Node] = field(default_factory=list)
    waiting: dict[str, _Waiting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tensors = dict(self.graph.tensors)
        self.renamed: dict[str, dict[str, str]] = {}
        """Of a node: the tensors that it shall read instead of others."""
        self.names = {*self.tensors, *(node.name for node in self.graph.nodes)}

    def done(self) -> Graph:
        for original in self.graph.nodes:
            names = self.renamed.get(original.name, {})
            node = replace(original, inputs=tuple(names.get(name, name) for name in original.inputs))
            if not (self.transposition(node) or self.sink(node) or self.flatten(node)):
                for name in node.inputs:
                    self.write(name)
                self.nodes.append(node)
        for name in self.graph.outputs:
            self.write(name)
        return without_dead(replace(self.graph, nodes=tuple(self.nodes), tensors=self.tensors))

    def transposition(self, node: Node) -> bool:
        if not isinstance(node.op, Transpose):
            return False
        (source,), (result,) = node.inputs, node.outputs
        if self.tensors[source].quantization != self.tensors[result].quantization:
            return False
        earlier = self.waiting.get(source)
        axes = node.op.axes if earlier is None else composed(earlier.axes, node.op.axes)
        self.waiting[result] = _Waiting(source if earlier is None else earlier.source, axes, node.name)
        return True

    def write(self, name: str) -> None:
        """Emit the transposition that ``name`` waits for."""
        waiting = self.waiting.pop(name, None)
        if waiting is None:
            return
        shape = self.tensors[waiting.source].shape
        moved = [axis for axis in waiting.axes if shape[axis] != 1]
        op = Reshape(self.tensors[name].shape) if moved == sorted(moved) else Transpose(waiting.axes)
        self.nodes.append(Node(waiting.node, op, (waiting.source,), (name,)))

    def sink(self, node: Node) -> bool:
        """Let ``node`` read what its operands were before their transposition; whether it can."""
        rule = RULES.get(type(node.op))
        transposed = [name for name in dict.fromkeys(node.inputs) if name in self.waiting]
        if rule is None or len({self.waiting[name].axes for name in transposed}) != 1:
            return False
        result, axes = self.tensors[node.outputs[0]], self.waiting[transposed[0]].axes
        if result.bytes > sum(self.tensors[name].bytes for name in transposed):
            return False
        if not self.shared and not all(self.is_private(name) for name in transposed):
            return False
        sunk = rule(node, self.graph, axes)
        operands = [operand for name in node.inputs if (operand := self.operand(name, node, axes)) is not None]
        if sunk is None or len(operands) < len(node.inputs):
            return False
        self.tensors.update((operand.name, operand) for operand in operands)
        inputs, outputs = tuple(operand.name for operand in operands), node.outputs
        if sunk.axes != tuple(range(len(sunk.axes))):
            source = replace(result, name=self.unused(f"{result.name}/source"), shape=before(result.shape, sunk.axes))
            self.tensors[source.name] = source
            self.waiting[result.name] = _Waiting(source.name, sunk.axes, self.unused(f"{node.name}/transpose"))
            outputs = (source.name,)
        self.nodes.append(replace(node, op=sunk.op, inputs=inputs, outputs=outputs))
        return True

    def flatten(self, node: Node) -> bool:
        """Let the dense layer behind the reshape ``node`` read the source in its own order; whether it can."""
        waiting, readers = self.waiting.get(node.inputs[0]), self.graph.consumers.get(node.outputs[0], ())
        if waiting is None or not isinstance(node.op, Reshape) or len(readers) != 1:
            return False
        (reader,), (row,), source = readers, self.graph.outputs_of(node), self.tensors[waiting.source]
        if not isinstance(reader.op, FullyConnected) or row.name in (*reader.inputs[1:], *self.graph.outputs):
            return False
        weights = self.graph.tensors[reader.inputs[1]]
        if row.quantization is None or row.quantization != source.quantization:
            return False
        if row.shape[0] != 1 or weights.data is None:
            return False
        order = np.arange(source.elements).reshape(source.shape).transpose(waiting.axes).ravel()
        columns = np.ascontiguousarray(weights.data[:, np.argsort(order)])
        turned = replace(weights, name=self.unused(f"{weights.name}/{reader.name}"), data=columns)
        straight = replace(row, name=self.unused(f"{row.name}/source"))
        self.tensors.update({turned.name: turned, straight.name: straight})
        self.nodes.append(replace(node, inputs=(source.name,), outputs=(straight.name,)))
        self.renamed[reader.name] = {row.name: straight.name, weights.name: turned.name}
        return True

    def is_private(self, name: str) -> bool:
        return len(self.graph.consumers[name]) == 1 and name not in self.graph.outputs

    def operand(self, name: str, node: Node, axes: Axes) -> Tensor | None:
        """What ``node`` reads instead of the tensor ``name``; None when that would need a transposition."""
        tensor = self.tensors[name]
        if name in self.waiting:
            return self.tensors[self.waiting[name].source]
        if tensor.elements == 1 and not isinstance(node.op, Concat):
            return tensor
        data = None if tensor.data is None else constant_before(tensor.data, axes)
        if data is None:
            return None
        return replace(tensor, name=self.unused(f"{name}/{node.name}"), shape=data.shape, data=data)

    def unused(self, name: str) -> str:
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name
