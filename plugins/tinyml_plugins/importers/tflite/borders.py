"""Borders: QUANTIZE behind an input and DEQUANTIZE before an output move out of the network.

The device then takes and gives integers; whoever holds real numbers converts them with the tensor's scale, to the same
bits. Inputs and outputs keep their names and order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Dequantize, Quantize, Reshape
from tinyml_core.graph.tensor import DType, Tensor


def fold_borders(graph: Graph) -> Graph:
    """``graph`` with integer inputs and outputs wherever a single crossing stands at the border."""
    renamed: dict[str, str] = {}
    tensors, gone = dict(graph.tensors), set()
    for name in graph.inputs:
        readers = graph.consumers.get(name, ())
        integers = {_meaning(graph.tensors[node.outputs[0]]) for node in readers}
        crossing = tensors[name].dtype is DType.FLOAT32 and all(isinstance(node.op, Quantize) for node in readers)
        if crossing and len(integers) == 1 and name not in graph.outputs:
            tensors[name] = replace(graph.tensors[readers[0].outputs[0]], name=name)
            renamed |= {node.outputs[0]: name for node in readers}
            gone |= {node.name for node in readers}
    for name in set(graph.outputs):
        producer = graph.producers.get(name)
        crossing = producer is not None and isinstance(producer.op, Dequantize) and name not in graph.consumers
        if producer is not None and crossing:
            renamed[name] = renamed.get(producer.inputs[0], producer.inputs[0])
            gone.add(producer.name)
    sources = [renamed.get(name, name) for name in graph.outputs]
    nodes = [
        replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs))
        for node in graph.nodes
        if node.name not in gone
    ]
    # A folded output gives its name to what computes it now.
    kept = {name: tensor for name, tensor in tensors.items() if name not in renamed}
    return name_outputs(replace(graph, tensors=kept, nodes=tuple(nodes)), sources, graph.outputs)


def name_outputs(graph: Graph, sources: Sequence[str], names: Sequence[str]) -> Graph:
    """``graph`` with one output for each of ``names``, computed as the tensor of ``sources`` at its place.

    Where a tensor cannot bear the name, since it is an input or another output already, a copy does.

    Raises:
        UnsupportedError: an output is a constant.
    """
    draft = _Draft(dict(graph.tensors), list(graph.nodes))
    computed = {output for node in graph.nodes for output in node.outputs}
    current = {source: source for source in sources}
    outputs: list[str] = []
    for source, name in zip(sources, names, strict=True):
        if source not in computed and source not in graph.inputs:
            raise UnsupportedError("is a constant, which needs no network", place=f"output {name!r}")
        now = current[source]
        if now == name and name not in outputs:
            outputs.append(name)
        elif source in computed and now == source and source not in (*outputs, *names):
            current[source] = draft.rename(source, name)
            outputs.append(name)
        else:
            outputs.append(draft.copy(now, name))
    return replace(graph, tensors=draft.tensors, nodes=tuple(draft.nodes), outputs=tuple(outputs))


@dataclass
class _Draft:
    tensors: dict[str, Tensor]
    nodes: list[Node]

    def rename(self, old: str, new: str) -> str:
        self.tensors[new] = replace(self.tensors.pop(old), name=new)
        for index, node in enumerate(self.nodes):
            inputs = tuple(new if name == old else name for name in node.inputs)
            outputs = tuple(new if name == old else name for name in node.outputs)
            self.nodes[index] = replace(node, inputs=inputs, outputs=outputs)
        return new

    def copy(self, source: str, name: str) -> str:
        while name in self.tensors:
            name += "_copy"
        tensor = self.tensors[source]
        self.tensors[name] = replace(tensor, name=name)
        self.nodes.append(Node(f"copy to {name}", Reshape(tensor.shape), (source,), (name,)))
        return name


def _meaning(tensor: Tensor) -> tuple[object, ...]:
    return tensor.dtype, tensor.quantization
