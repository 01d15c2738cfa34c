"""Shrinking: the same architecture for smaller images or with fewer channels, to be planned and never to be run.

Weights are cut where they have to be smaller, so sizes and shapes are those of the smaller network and its values mean
nothing: such a network has to be trained before it is of use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Broken, Operator
from tinyml_core.graph.operators.convolution import Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.operators.movement import Reshape
from tinyml_core.graph.operators.pooling import AveragePool2D, MaxPool2D
from tinyml_core.graph.tensor import Tensor
from tinyml_core.graph.verify import verify

CHANNELS = 4
"""Numbers of channels are cut to a multiple of this, and never below it."""


def shrunk(graph: Graph, *, image: tuple[int, int] | None = None, width: float = 1.0) -> Graph | None:
    """``graph`` for images of ``image`` rows and columns, its hidden layers with ``width`` times the channels.

    None where the network cannot be had in that size: its inputs are no image, an operator fixes its sizes, or
    branches that meet would no longer agree. Layers behind which no further weights follow keep their channels.
    """
    if graph.state or (image is not None and (len(graph.inputs) != 1 or not _is_image(graph))):
        return None
    tensors = dict(graph.tensors)
    if image is not None:
        source = tensors[graph.inputs[0]]
        tensors[source.name] = replace(source, shape=(source.shape[0], *image, source.shape[3]))
    hidden = _hidden(graph)
    nodes: list[Node] = []
    sizes: dict[str, tuple[int, ...]] = {}
    try:
        for node in graph.nodes:
            factor = width if node.name in hidden else 1.0
            shapes = _constant_shapes(node, graph, [tensors[name] for name in node.inputs], factor)
            for name, shape in shapes.items():
                if sizes.setdefault(name, shape) != shape:
                    return None  # one constant, two readers that need different parts of it
                tensors[name] = _cut(graph.tensors[name], shape)
            inputs = [tensors[name] for name in node.inputs]
            op = _refitted(node.op, graph.inputs_of(node)[0], inputs[0])
            for name, (shape, _) in zip(node.outputs, op.infer(inputs), strict=True):
                tensors[name] = _cut(graph.tensors[name], shape)
            nodes.append(replace(node, op=op))
        return verify(replace(graph, tensors=tensors, nodes=tuple(nodes)))
    except (Broken, GraphError):
        return None


def _is_image(graph: Graph) -> bool:
    shape = graph.tensors[graph.inputs[0]].shape
    return len(shape) == 4 and min(shape[1:3]) > 1


def _hidden(graph: Graph) -> set[str]:
    """Nodes with weights whose output reaches further weights."""
    reaching: set[str] = set()
    found = set()
    for node in reversed(graph.nodes):
        beyond = any(name in reaching for name in node.outputs)
        weighted = isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected)
        if beyond and weighted:
            found.add(node.name)
        if beyond or weighted:
            reaching.update(node.inputs)
    return found


def _constant_shapes(node: Node, graph: Graph, inputs: Sequence[Tensor], width: float) -> dict[str, tuple[int, ...]]:
    """What the constants of a node become, by name, once its first input is that of ``inputs``."""
    data = inputs[0]
    constants = [(name, graph.tensors[name]) for name in node.inputs if graph.tensors[name].data is not None]
    if isinstance(node.op, Conv2D | FullyConnected) and len(inputs) > 1:
        out = _fewer(graph.tensors[node.inputs[1]].shape[0], width)
        weights = graph.tensors[node.inputs[1]].shape
        shape = (out, *weights[1:-1], data.shape[-1])
        return {name: (out,) if len(tensor.shape) == 1 else shape for name, tensor in constants}
    if isinstance(node.op, DepthwiseConv2D):
        _, rows, columns, out = graph.tensors[node.inputs[1]].shape
        out = data.shape[3] * (out // graph.tensors[node.inputs[0]].shape[3])
        return {name: (out,) if len(tensor.shape) == 1 else (1, rows, columns, out) for name, tensor in constants}
    before, after = graph.tensors[node.inputs[0]].shape, data.shape
    if not before or not after or before[-1] == after[-1]:
        return {}
    return {  # what belongs to channels, such as a normalisation's
        name: (*tensor.shape[:-1], after[-1]) for name, tensor in constants if tensor.shape[-1:] == before[-1:]
    }


def _fewer(channels: int, width: float) -> int:
    return channels if width == 1 else min(channels, max(CHANNELS, CHANNELS * round(channels * width / CHANNELS)))


def _refitted(op: Operator, before: Tensor, after: Tensor) -> Operator:
    """``op`` where it names a size of its input: a pooling over the whole image, a reshape that flattens."""
    if isinstance(op, AveragePool2D | MaxPool2D) and op.kernel == before.shape[1:3] and len(after.shape) == 4:
        return replace(op, kernel=after.shape[1:3])
    if isinstance(op, Reshape) and math.prod(op.shape) != after.elements:
        axis = max(range(len(op.shape)), key=lambda index: op.shape[index])
        rest = math.prod(op.shape) // op.shape[axis]
        return replace(op, shape=(*op.shape[:axis], after.elements // rest, *op.shape[axis + 1 :]))
    return op


def _cut(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if len(shape) != len(tensor.shape) or (tensor.data is not None and any(map(int.__gt__, shape, tensor.shape))):
        raise Broken(f"{tensor.name!r} cannot become {list(shape)}")
    quantization = tensor.quantization
    if quantization is not None and quantization.axis is not None:
        count = shape[quantization.axis]
        quantization = replace(
            quantization, scale=quantization.scale[:count], zero_point=quantization.zero_point[:count]
        )
    data = None if tensor.data is None else tensor.data[tuple(slice(size) for size in shape)].copy()
    return replace(tensor, shape=shape, quantization=quantization, data=data)
