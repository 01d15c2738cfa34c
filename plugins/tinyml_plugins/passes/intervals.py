"""Interval analysis: which integers each channel of an int8 tensor can hold, whatever the network is given.

Channels lie along the last axis. An interval holds for every position, those whose window is partly padding included:
each tap that ever meets padding may count as nothing, independently of the others. Sources: Moore, "Interval Analysis",
1966; the integers are those of docs/arithmetic.md, computed by the reference executor's own functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import Requantisation, lower, lower_mean, lower_move, lower_pool
from tinyml_core.arithmetic.reference import prepare
from tinyml_core.arithmetic.reference.requantised import requantised
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
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
from tinyml_core.graph.tensor import DType, Tensor
from tinyml_plugins.passes.filters import Filters

Int64 = npt.NDArray[np.int64]


class Interval(NamedTuple):
    """Least and greatest integer of each channel, inclusive; [channels] each."""

    low: Int64
    high: Int64

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        """[channels]: those that hold one value whatever happens."""
        return np.equal(self.low, self.high)


Known = Mapping[str, Interval]
Rule = Callable[[Node, Graph, Known], Interval]


def tracked(tensor: Tensor) -> bool:
    """Whether a tensor has channels of int8 integers."""
    return tensor.dtype is DType.INT8 and len(tensor.shape) > 0


def operands(node: Node) -> int:
    """How many of a node's inputs are activations; they stand before weights and other parameters."""
    return 2 if isinstance(node.op, Add) else 1


def intervals(graph: Graph) -> dict[str, Interval]:
    """The interval of every tracked tensor of ``graph``; anything at all where an operator is not understood."""
    known = {}
    for name, tensor in graph.tensors.items():
        if tracked(tensor):
            known[name] = _anything(tensor) if tensor.data is None else _of_constant(tensor.data)
    for node in graph.nodes:
        rule = RULES.get(type(node.op))
        if rule is None or not all(name in known for name in (*node.inputs[: operands(node)], *node.outputs)):
            continue
        try:
            known[node.outputs[0]] = rule(node, graph, known)
        except UnsupportedError:  # told, with its remedy, when the network is compiled
            continue
    return known


def _anything(tensor: Tensor) -> Interval:
    low, high = tensor.dtype.limits
    return Interval(np.full(tensor.shape[-1], low, np.int64), np.full(tensor.shape[-1], high, np.int64))


def _of_constant(data: npt.NDArray[np.generic]) -> Interval:
    rows = data.astype(np.int64).reshape(-1, data.shape[-1])
    return Interval(rows.min(axis=0), rows.max(axis=0))


def _convolution(node: Node, graph: Graph, known: Known) -> Interval:
    filters = Filters.of_convolution(node, graph)
    low, high = _tap_limits(filters, known[node.inputs[0]])
    return _accumulated(filters, low[None], high[None])


def _depthwise(node: Node, graph: Graph, known: Known) -> Interval:
    filters = Filters.of_depthwise(node, graph)
    source = known[node.inputs[0]]
    multiplier = len(filters.weights) // len(source.low)
    low, high = _tap_limits(filters, Interval(source.low.repeat(multiplier), source.high.repeat(multiplier)))
    return _accumulated(filters, low.T[..., None], high.T[..., None])


def _dense(node: Node, graph: Graph, known: Known) -> Interval:
    filters = Filters.of_dense(node, graph)
    low, high = _tap_limits(filters, known[node.inputs[0]])
    return _accumulated(filters, low[None], high[None])


def _tap_limits(filters: Filters, source: Interval) -> Interval:
    """What each tap contributes before its weight, less the zero point; [taps, channels] each."""
    zero_point, inside, varying = filters.lowering.input_zero_point, filters.inside[:, None], filters.varying[:, None]
    low, high = (np.where(inside, limit - zero_point, 0) for limit in source)
    return Interval(np.where(varying, np.minimum(low, 0), low), np.where(varying, np.maximum(high, 0), high))


def _accumulated(filters: Filters, low: Int64, high: Int64) -> Interval:
    positive, negative = np.maximum(filters.weights, 0), np.minimum(filters.weights, 0)
    bias = filters.lowering.bias.astype(np.int64)
    return _rescaled(
        Interval(
            bias + (positive * low + negative * high).sum(axis=(1, 2)),
            bias + (positive * high + negative * low).sum(axis=(1, 2)),
        ),
        filters.lowering.requantisation,
    )


def _rescaled(accumulator: Interval, to: Requantisation) -> Interval:
    """Through a requantisation, which keeps order as long as nothing wraps around; a single value may wrap."""
    low, high = accumulator
    shift = np.maximum(np.asarray(to.by.shift, np.int64), 0) if to.by.rounding is Rounding.TFLITE else np.int64(0)
    reach = np.int64(1) << (31 - shift)
    ordered = (low == high) | ((low >= -reach) & (high < reach))
    return Interval(
        np.where(ordered, requantised(low, to), to.low).astype(np.int64),
        np.where(ordered, requantised(high, to), to.high).astype(np.int64),
    )


def _add(node: Node, graph: Graph, known: Known) -> Interval:
    """Grows with both operands and never wraps, in both roundings."""
    kernel = prepare(node, graph)
    left, right = (known[name] for name in node.inputs)
    low, high = (
        kernel([left[end].astype(np.int8), right[end].astype(np.int8)]).astype(np.int64) for end in (0, 1)
    )  # fmt: skip
    return Interval(low, high)


def _each_value(node: Node, graph: Graph, known: Known) -> Interval:
    """A function of one int8 value: try all of them."""
    source = known[node.inputs[0]]
    values = np.arange(-128, 128)
    results = prepare(node, graph)([values.astype(np.int8)]).astype(np.int64)
    (low, high), which = np.unique(np.stack(source), axis=1, return_inverse=True)  # few differ, however many channels
    possible = (values >= low[:, None]) & (values <= high[:, None])
    limits = Interval(np.where(possible, results, 127).min(axis=1), np.where(possible, results, -128).max(axis=1))
    return Interval(*(limit[which.ravel()] for limit in limits))


def _pool(node: Node, graph: Graph, known: Known) -> Interval:
    """An average or maximum lies between what it is made from; padding takes no part."""
    to, source = lower_pool(node, graph), known[node.inputs[0]]
    return Interval(np.clip(source.low, to.low, to.high), np.clip(source.high, to.low, to.high))


def _mean(node: Node, graph: Graph, known: Known) -> Interval:
    assert isinstance(node.op, Mean)
    to, source = lower_mean(node, graph), known[node.inputs[0]]
    if len(graph.inputs_of(node)[0].shape) - 1 in node.op.axes:
        return _anything(graph.outputs_of(node)[0])
    low, high = (to.count * (limit - to.input_zero_point) for limit in source)
    return _rescaled(Interval(low, high), to.requantisation)


def _pad(node: Node, graph: Graph, known: Known) -> Interval:
    assert isinstance(node.op, Pad)
    fill = lower_move(node, graph).fill
    *around, channels = node.op.padding
    low, high = known[node.inputs[0]]
    if any(map(any, around)):
        low, high = np.minimum(low, fill), np.maximum(high, fill)
    return Interval(np.pad(low, channels, constant_values=fill), np.pad(high, channels, constant_values=fill))


def _reshape(node: Node, graph: Graph, known: Known) -> Interval:
    lower(node, graph)  # refuses what changes its meaning
    low, high = known[node.inputs[0]]
    before, after = len(low), graph.outputs_of(node)[0].shape[-1]
    if after % before == 0:
        return Interval(np.tile(low, after // before), np.tile(high, after // before))
    if before % after == 0:
        return Interval(low.reshape(-1, after).min(axis=0), high.reshape(-1, after).max(axis=0))
    return Interval(np.full(after, low.min()), np.full(after, high.max()))


RULES: dict[type[Operator], Rule] = {
    Add: _add,
    AveragePool2D: _pool,
    Clamp: _each_value,
    Conv2D: _convolution,
    DepthwiseConv2D: _depthwise,
    FullyConnected: _dense,
    MaxPool2D: _pool,
    Mean: _mean,
    Pad: _pad,
    Quantize: _each_value,
    Reshape: _reshape,
    Unary: _each_value,
}
"""What an operator makes of its inputs' intervals; a softmax, and what is not listed, may give anything."""
