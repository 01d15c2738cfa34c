"""Channels that can go: those that hold a constant which every reader can absorb, and those that no reader needs.

It starts from the wish to drop every channel and takes back what something needs, until nothing changes: a convolution
or dense layer needs an input unless it contributes one number at every position of each output that stays; operators
that keep channels apart tie the channels they read to those they write; inputs and outputs of the network stay whole.
At least one channel stays everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import lower
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reshape,
    Unary,
)
from tinyml_plugins.passes.filters import Bool, Filters, Int64
from tinyml_plugins.passes.intervals import Interval, operands

Owner = npt.NDArray[np.intp]
"""For each channel written, the channel read that it stands or falls with."""


@dataclass(frozen=True, eq=False)
class Reader:
    """A layer that mixes channels: ``needs`` [outputs, inputs] says which contributions it cannot absorb.

    ``absorbed`` [outputs, inputs] is what an input contributes to the accumulators otherwise, at every position.
    """

    needs: Bool
    absorbed: Int64


@dataclass(frozen=True, eq=False)
class Tie:
    """Channel c of ``written`` goes exactly when channel ``owner[c]`` of ``read`` goes."""

    read: str
    written: str
    owner: Owner


@dataclass(eq=False)
class Removal:
    """Which channels of each tracked tensor go; ``readers`` holds the mixing layers by node name."""

    graph: Graph
    known: Mapping[str, Interval]
    going: dict[str, Bool] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)

    def decide(self) -> None:
        """Fill ``going`` and ``readers``."""
        graph = self.graph
        self.going = {name: np.full(len(interval.low), True) for name, interval in self.known.items()}
        for name in (*graph.inputs, *graph.outputs):
            self._keep(name)
        ties = []
        for node in graph.nodes:
            try:
                lower(node, graph)
                ties += self._enter(node)
            except UnsupportedError:  # told, with its remedy, when the network is compiled
                self._keep(*node.inputs, *node.outputs)
        while True:
            self._settle(ties)
            emptied = [going for going in self.going.values() if going.all()]
            if not emptied:
                return
            for going in emptied:
                going[0] = False

    def _keep(self, *names: str) -> None:
        for name in names:
            if name in self.going:
                self.going[name][:] = False

    def _enter(self, node: Node) -> list[Tie]:
        graph = self.graph
        sources = node.inputs[: operands(node)]
        tracked = all(name in self.going for name in (*sources, *node.outputs))
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected):
            self._keep(*node.inputs[1:])
            if tracked and not isinstance(node.op, DepthwiseConv2D):
                make = Filters.of_convolution if isinstance(node.op, Conv2D) else Filters.of_dense
                self.readers[node.name] = _reader(make(node, graph), self.known[node.inputs[0]])
                return []
        rule = TIES.get(type(node.op))
        found = []
        if rule is not None and tracked:
            counts = [len(self.going[name]) for name in (*sources, node.outputs[0])]
            found = [rule(node, graph, name, count, counts[-1]) for name, count in zip(sources, counts, strict=False)]
        ties = [tie for tie in found if tie is not None]
        if len(ties) < len(sources):
            self._keep(*node.inputs, *node.outputs)
        return ties

    def _settle(self, ties: list[Tie]) -> None:
        """Take back until nothing changes; every sweep only takes back, so it ends."""
        going, left = self.going, -1
        while (total := sum(int(mask.sum()) for mask in going.values())) != left:
            left = total
            for tie in reversed(ties):
                read, written = going[tie.read], going[tie.written]
                np.logical_and.at(read, tie.owner, written)
                written &= read[tie.owner]
            for node in reversed(self.graph.nodes):
                reader = self.readers.get(node.name)
                if reader is not None:
                    staying = ~going[node.outputs[0]]
                    going[node.inputs[0]] &= ~reader.needs[staying].any(axis=0)


def _reader(filters: Filters, source: Interval) -> Reader:
    value = source.low - filters.lowering.input_zero_point
    used = filters.weights.any(axis=1)
    wavering = filters.weights.any(axis=1, where=filters.varying[:, None])  # counts in some windows only
    always = filters.weights.sum(axis=1, where=(filters.inside & ~filters.outside)[:, None])
    constant = source.constant
    return Reader(np.where(constant, wavering & (value != 0), used), always * np.where(constant, value, 0))


Rule = Callable[[Node, Graph, str, int, int], Tie | None]
"""Given a node, its graph, an input and the numbers of channels read and written: the tie, None where there is none."""


def _one_to_one(node: Node, graph: Graph, read: str, before: int, after: int) -> Tie | None:
    return Tie(read, node.outputs[0], np.arange(after)) if before == after else None


def _depthwise(node: Node, graph: Graph, read: str, before: int, after: int) -> Tie | None:
    return Tie(read, node.outputs[0], np.arange(after) // (after // before))


def _mean(node: Node, graph: Graph, read: str, before: int, after: int) -> Tie | None:
    assert isinstance(node.op, Mean)
    mixes = len(graph.tensors[read].shape) - 1 in node.op.axes
    return None if mixes else _one_to_one(node, graph, read, before, after)


def _pad(node: Node, graph: Graph, read: str, before: int, after: int) -> Tie | None:
    assert isinstance(node.op, Pad)
    return None if any(node.op.padding[-1]) else _one_to_one(node, graph, read, before, after)


def _reshape(node: Node, graph: Graph, read: str, before: int, after: int) -> Tie | None:
    """Channels stay apart where one of the last axes is a whole number of the other."""
    if after % before == 0:
        return Tie(read, node.outputs[0], np.arange(after) % before)
    if before % after == 0:
        return Tie(node.outputs[0], read, np.arange(before) % after)
    return None


TIES: dict[type[Operator], Rule] = {
    Add: _one_to_one,
    AveragePool2D: _one_to_one,
    Clamp: _one_to_one,
    DepthwiseConv2D: _depthwise,
    MaxPool2D: _one_to_one,
    Mean: _mean,
    Pad: _pad,
    Quantize: _one_to_one,
    Reshape: _reshape,
    Unary: _one_to_one,
}
"""Operators that keep channels apart; every channel that another operator touches stays."""
