"""Dividing: wide gradients are computed some channels at a time, so that no step holds the whole of one.

In an inverted bottleneck the gradient between its two pointwise convolutions is several times as wide as those around
it. From where it arises, through masks and depthwise convolutions, every channel goes its own way; what ends the way
adds its channels up or puts them side by side. So the way is gone part by part. Sums over channels become sums of the
parts' sums, in this order on every machine. Gradients of weights go on to their updates part by part, with random
numbers of each part's own, so that what is put together are the new weights.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    BiasGradient,
    Binary,
    Concat,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    MaskedScale,
    MergeChannels,
    SaturatingSubtract,
    SaturationMask,
    Slice,
    StochasticRound,
)
from tinyml_core.graph.tensor import Quantization, Tensor
from tinyml_core.training.rewriting import pruned

WIDEST = 32768
"""Bytes of a gradient that are still computed at once, where steps are divided."""
MULTIPLE = 8
"""Channels of a part are a multiple of this, as masks have bytes of eight bits."""


@dataclass(frozen=True)
class _Way:
    """Where a wide gradient goes: nodes that keep its channels apart, and those that end it."""

    nodes: tuple[Node, ...]
    wide: frozenset[str]
    updates: Mapping[str, int]
    """Gradients of weights and what is made of them element by element -> the axis of the channels."""
    channels: int
    bytes: int


def divided(graph: Graph, widest: int = WIDEST) -> Graph:
    """``graph`` with every gradient above ``widest`` bytes in parts, where its way allows it."""
    for start in graph.nodes:
        if isinstance(start.op, Conv2DInputGradient) and start in graph.nodes:
            way = _way(graph, start)
            if way is not None and way.bytes > widest and way.channels > MULTIPLE:
                graph = _Division(graph, way, widest).divided()
    return graph


def cut_name(name: str, axis: int, first: int, size: int) -> str:
    """The name of ``size`` indices of a tensor from ``first`` on along ``axis``."""
    return f"{name}.{axis}.{first}+{size}"


def _way(graph: Graph, start: Node) -> _Way | None:
    """The way of a node's output; None where it ends in something that needs all channels at once."""
    output = graph.outputs_of(start)[0]
    wide, updates, nodes = {output.name}, dict[str, int](), [start]
    for node in graph.nodes:
        if wide.isdisjoint(node.inputs):
            if (axis := _goes_on(node, graph, updates)) is not None:
                nodes.append(node)
                updates[node.outputs[0]] = axis
            continue
        operands = [index for index, name in enumerate(node.inputs) if name in wide]
        if operands != [_OPERAND.get(type(node.op))] or not _separable(node, graph):
            return None
        nodes.append(node)
        if isinstance(node.op, MaskedScale | DepthwiseInputGradient):
            wide.update(node.outputs)
        elif type(node.op) in _FILTERS:
            updates[node.outputs[0]] = _FILTERS[type(node.op)]
    if wide.intersection(graph.outputs):
        return None
    return _Way(
        tuple(nodes), frozenset(wide), updates, output.shape[-1], max(graph.tensors[name].bytes for name in wide)
    )


_OPERAND = {
    MaskedScale: 0,
    DepthwiseInputGradient: 0,
    BiasGradient: 0,
    Conv2DInputGradient: 0,
    Conv2DWeightGradient: 1,
    DepthwiseWeightGradient: 1,
}
"""Operators that a wide gradient may come to, and which of their operands it is."""


_FILTERS: Mapping[type[Operator], int] = {Conv2DWeightGradient: 0, DepthwiseWeightGradient: 3}
"""Gradients of weights, and the axis along which a wide gradient's channels lie there."""


def _goes_on(node: Node, graph: Graph, updates: Mapping[str, int]) -> int | None:
    """Along which axis a node goes on with the gradient of weights, if it does so element by element."""
    read = [name for name in node.inputs if name in updates]
    if len(read) != 1 or not isinstance(node.op, Binary | StochasticRound | SaturatingSubtract):
        return None
    same = graph.outputs_of(node)[0].shape == graph.tensors[read[0]].shape
    others = [graph.producers[name] for name in node.inputs if name not in updates and name in graph.producers]
    early = not any(name in graph.producers for other in others for name in other.inputs)
    return updates[read[0]] if same and early else None


def _separable(node: Node, graph: Graph) -> bool:
    inputs = graph.inputs_of(node)
    if isinstance(node.op, MaskedScale):
        producer = graph.producers.get(node.inputs[1])
        return producer is not None and isinstance(producer.op, SaturationMask)
    if isinstance(node.op, DepthwiseInputGradient):
        return node.op.multiplier == 1
    if isinstance(node.op, DepthwiseWeightGradient):
        return inputs[0].shape[-1] == inputs[1].shape[-1]
    return True


class _Division:
    """A graph in which one way is gone part by part."""

    def __init__(self, graph: Graph, way: _Way, widest: int) -> None:
        self._graph, self._way = graph, way
        most = max(MULTIPLE, widest * way.channels // way.bytes // MULTIPLE * MULTIPLE)
        count = -(-way.channels // most)
        self._size = -(-way.channels // (count * MULTIPLE)) * MULTIPLE
        self._starts = range(0, way.channels, self._size)
        self._tensors = dict(graph.tensors)
        self._nodes: list[Node] = []
        self._placed = {*graph.inputs, *(name for name, tensor in graph.tensors.items() if tensor.data is not None)}
        self._parts: dict[tuple[str, int, int], str] = {}

    def divided(self) -> Graph:
        """The graph, all of whose tensors but those on the way have the names they had."""
        way = {node.name for node in self._way.nodes}
        masks = {node.inputs[1] for node in self._way.nodes if isinstance(node.op, MaskedScale)}
        for node in self._graph.nodes:
            if masks.intersection(node.outputs):
                self._mask(node)
            elif node.name not in way:
                self._place(node)
            elif node is self._way.nodes[0]:
                self._go(masks)
        return pruned(replace(self._graph, nodes=tuple(self._nodes), tensors=self._tensors))

    def _place(self, node: Node) -> None:
        """Add a node, behind what it reads."""
        if self._placed.issuperset(node.outputs):
            return
        for name in node.inputs:
            if name not in self._placed:
                self._place(self._graph.producers[name])
        self._nodes.append(node)
        self._placed.update(node.outputs)

    def _mask(self, node: Node) -> None:
        """Add the masks of all parts, as early as the one of the whole was, and that one where others read it."""
        (mask,) = node.outputs
        scale = self._tensors[mask].quantization
        for first in self._starts:
            part = self._part(node.inputs[0], -1, first)
            self._parts[mask, 0, first] = self._emit(node.op, [part], f"{mask}.{first}", scale)
        self._place(node)

    def _go(self, masks: Collection[str]) -> None:
        """Add the way of each part, then what puts the ends together."""
        apart = {*masks, *(name for node in self._way.nodes for name in node.outputs)}
        for name in dict.fromkeys(name for node in self._way.nodes for name in node.inputs):
            if name not in self._placed and name not in apart:
                self._place(self._graph.producers[name])
        ends: dict[str, list[str]] = {}
        ends_of_way = self._ends()
        for first in self._starts:
            for node in self._way.nodes:
                (output,) = node.outputs
                operands = [
                    name if axis is None else self._part(name, axis, first)
                    for name, axis in zip(node.inputs, self._axes(node), strict=True)
                ]
                part = self._emit(self._own(node.op, first), operands, f"{output}.{first}", self._scales(output, first))
                axis = self._way.updates.get(output, len(self._tensors[output].shape) - 1)
                self._parts[output, axis, first] = part
                if output in ends_of_way:
                    ends.setdefault(output, []).append(part)
                    if isinstance(node.op, Conv2DInputGradient) and first:
                        name = output if first == self._starts[-1] else f"{output}.to_{first}"
                        ends[output] = [self._emit(Add(), ends[output], name, None)]
        for node in self._way.nodes:
            (output,) = node.outputs
            if output in ends_of_way and not isinstance(node.op, Conv2DInputGradient):
                whole = self._tensors[output].quantization
                self._emit(Concat(self._way.updates.get(output, 0)), ends[output], output, whole)

    def _ends(self) -> set[str]:
        """What the way leaves behind: outputs that something else reads, or the program."""
        names = {node.name for node in self._way.nodes}
        read = {name for node in self._graph.nodes if node.name not in names for name in node.inputs}
        read.update(self._graph.outputs)
        return {node.outputs[0] for node in self._way.nodes} & read

    def _own(self, op: Operator, first: int) -> Operator:
        """The operator of a part: random numbers are others than those of the parts before."""
        if isinstance(op, StochasticRound):
            return replace(op, stream=op.stream + (first // self._size << 16))
        return op

    def _scales(self, name: str, first: int) -> Quantization | None:
        """The scales of the part of an output."""
        scales = self._tensors[name].quantization
        if scales is None or scales.axis is None or len(scales.scale) == 1:
            return scales
        size = min(self._size, self._way.channels - first)
        return Quantization.per_channel(scales.scale[first : first + size], scales.axis)

    def _axes(self, node: Node) -> tuple[int | None, ...]:
        """For each operand the axis along which its parts are wanted; None: it is wanted whole."""
        if isinstance(node.op, Binary | StochasticRound | SaturatingSubtract):
            axis = self._way.updates[node.outputs[0]]
            rank = len(self._tensors[node.outputs[0]].shape)
            shapes = ((1,) * rank + self._tensors[name].shape for name in node.inputs)
            return tuple(axis - rank if shape[axis - rank] > 1 else None for shape in shapes)
        if isinstance(node.op, Conv2DInputGradient):
            return (None, 3) if node is self._way.nodes[0] else (-1, 0)
        if isinstance(node.op, Conv2DWeightGradient):
            return (None, -1)
        if isinstance(node.op, MaskedScale):
            return (-1, -1, None if self._tensors[node.inputs[2]].shape == (1,) else 0)
        return (-1,) * len(node.inputs)

    def _part(self, name: str, axis: int, first: int) -> str:
        """The part of a tensor from channel ``first`` on, cut out where there is none yet."""
        axis %= len(self._tensors[name].shape)
        if (name, axis, first) not in self._parts:
            size = min(self._size, self._way.channels - first)
            producer = self._graph.producers.get(name)
            if producer is not None and isinstance(producer.op, MergeChannels):
                part = self._merged(producer, producer.op, axis, first, size)
            else:
                part = self._cut(name, axis, first, size)
            self._parts[name, axis, first] = part
        return self._parts[name, axis, first]

    def _merged(self, node: Node, op: MergeChannels, axis: int, first: int, size: int) -> str:
        """The part of weights of which some channels learn: merged by itself, so that the whole need not be there."""
        whole, learnt = node.inputs
        part = self._cut(whole, axis, first, size)
        if axis == op.axis:
            places = [place for place, channel in enumerate(op.channels) if first <= channel < first + size]
            if not places:
                return part
            learnt = self._cut(learnt, axis, places[0], len(places))
            op = MergeChannels(tuple(op.channels[place] - first for place in places), axis)
        else:
            learnt = self._cut(learnt, axis, first, size)
        return self._emit(op, [part, learnt], f"{node.outputs[0]}.{axis}.{first}", self._tensors[part].quantization)

    def _cut(self, name: str, axis: int, first: int, size: int) -> str:
        """``size`` indices from ``first`` on along ``axis``, as a constant or by a :class:`Slice`."""
        tensor, part = self._tensors[name], cut_name(name, axis, first, size)
        if part in self._tensors:
            return part
        scales = tensor.quantization
        if scales is not None and scales.axis == axis and len(scales.scale) > 1:
            scales = Quantization.per_channel(scales.scale[first : first + size], axis)
        if tensor.data is not None:
            data = np.take(tensor.data, range(first, first + size), axis)
            self._tensors[part] = replace(tensor, name=part, shape=data.shape, quantization=scales, data=data)
            self._placed.add(part)
            return part
        rank = len(tensor.shape)
        starts, sizes = [0] * rank, list(tensor.shape)
        starts[axis], sizes[axis] = first, size
        return self._emit(Slice(tuple(starts), tuple(sizes), (1,) * rank), [name], part, scales)

    def _emit(self, op: Operator, inputs: list[str], name: str, quantization: Quantization | None) -> str:
        ((shape, dtype),) = op.infer([self._tensors[each] for each in inputs])
        self._tensors[name] = Tensor(name, shape, dtype, quantization)
        self._place(Node(name, op, tuple(inputs), (name,)))
        return name
