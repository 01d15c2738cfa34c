"""Reductions over axes, and the positions of the greatest and least."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tinyml_core.graph.operators import ArgReduce, Mean, Reduce
from tinyml_plugins.importers.onnx.converters.composition import axes_of, reduced
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Variable

REDUCTIONS = {
    "ReduceL1": "l1", "ReduceL2": "l2", "ReduceLogSum": "log_sum", "ReduceLogSumExp": "log_sum_exp",
    "ReduceMax": "max", "ReduceMin": "min", "ReduceProd": "product", "ReduceSum": "sum",
    "ReduceSumSquare": "sum_square",
}  # fmt: skip
UNCHANGED_ALONE = frozenset({"ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"})
"""Reductions of one element that return it."""


def wanted_axes(call: Call, since: int) -> tuple[int, ...] | None:
    """The axes to reduce, None for none at all; they are an input from opset ``since`` on, an attribute before."""
    rank = len(call.variable(0).axes)
    given = call.indices(1) if call.opset >= since else call.node.integers("axes")
    if given:
        return axes_of(call, given, rank)
    return None if call.node.integer("noop_with_empty_axes", 0) else tuple(range(rank))


def reduce(function: str) -> Callable[[Call, Emitter], Variable]:
    """A reduction."""

    def convert(call: Call, emitter: Emitter) -> Variable:
        axes = wanted_axes(call, 13 if call.node.op_type == "ReduceSum" else 18)
        value, keep = call.variable(0), bool(call.node.integer("keepdims", 1))
        if axes is None or not axes:
            if call.node.op_type not in UNCHANGED_ALONE:
                raise call.unsupported("reduces nothing")
            return value
        make = partial(Reduce, function, keep_axes=keep)
        return reduced(call, emitter, lambda own: make(axes=own), value, axes, keep)

    return convert


def mean(call: Call, emitter: Emitter) -> Variable:
    """ReduceMean."""
    axes, keep = wanted_axes(call, 18), bool(call.node.integer("keepdims", 1))
    if axes is None or not axes:
        raise call.unsupported("reduces nothing")
    return reduced(call, emitter, lambda own: Mean(axes=own, keep_axes=keep), call.variable(0), axes, keep)


def arg_reduce(least: bool) -> Callable[[Call, Emitter], Variable]:
    """ArgMax and ArgMin."""

    def convert(call: Call, emitter: Emitter) -> Variable:
        value, keep = call.variable(0), bool(call.node.integer("keepdims", 1))
        axes = axes_of(call, (call.node.integer("axis", 0),), len(value.axes))
        last = bool(call.node.integer("select_last_index", 0))
        return reduced(
            call, emitter, lambda own: ArgReduce(own[0], least=least, last=last, keep_axes=keep), value, axes, keep
        )

    return convert
