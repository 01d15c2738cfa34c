"""Transposed: how a node computes on operands that still have the axes from before their transposition.

A transposition has ``axes`` such that axis i of its result is axis ``axes[i]`` of its source. For a node that reads
results, the rules here give the node that reads sources and the transposition that its result then needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    ArgReduce,
    Binary,
    Cast,
    Clamp,
    Concat,
    Mean,
    Quantize,
    Reduce,
    Select,
    Slice,
    Unary,
)
from tinyml_core.graph.tensor import Array

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Sunk:
    """The operator for operands as they were before their transposition, and the axes that its result lacks."""

    op: Operator
    axes: Axes


Rule = Callable[[Node, Graph, Axes], Sunk | None]
"""Given a node whose operands all have been transposed by the same axes; None when the bits would change."""


def _elementwise(node: Node, graph: Graph, axes: Axes) -> Sunk | None:
    """An operand of more axes would add some in front."""
    return Sunk(node.op, axes) if len(graph.outputs_of(node)[0].shape) == len(axes) else None


def _reduction(node: Node, graph: Graph, axes: Axes) -> Sunk | None:
    """Floats are added up in memory order, so that theirs must stay."""
    assert isinstance(node.op, Mean | Reduce)
    taken = [axes[axis] for axis in sorted(node.op.axes)]
    if taken != sorted(taken) and graph.inputs_of(node)[0].quantization is None:
        return None
    return Sunk(replace(node.op, axes=tuple(sorted(taken))), _left(axes, taken, node.op.keep_axes))


def _place(node: Node, graph: Graph, axes: Axes) -> Sunk:
    assert isinstance(node.op, ArgReduce)
    axis = axes[node.op.axis]
    return Sunk(replace(node.op, axis=axis), _left(axes, [axis], node.op.keep_axes))


def _left(axes: Axes, taken: list[int], keep: bool) -> Axes:
    """The transposition of what a reduction of the source's axes ``taken`` leaves."""
    if keep:
        return axes
    stay = [axis for axis in axes if axis not in taken]
    return tuple(int(place) for place in np.argsort(np.argsort(stay)))


def _concat(node: Node, graph: Graph, axes: Axes) -> Sunk:
    assert isinstance(node.op, Concat)
    return Sunk(replace(node.op, axis=axes[node.op.axis]), axes)


def _slice(node: Node, graph: Graph, axes: Axes) -> Sunk:
    op = node.op
    assert isinstance(op, Slice)
    starts, sizes, steps = (before(values, axes) for values in (op.starts, op.sizes, op.steps))
    return Sunk(replace(op, starts=starts, sizes=sizes, steps=steps), axes)


RULES: dict[type[Operator], Rule] = {
    Add: _elementwise,
    ArgReduce: _place,
    Binary: _elementwise,
    Cast: _elementwise,
    Clamp: _elementwise,
    Concat: _concat,
    Mean: _reduction,
    Quantize: _elementwise,
    Reduce: _reduction,
    Select: _elementwise,
    Slice: _slice,
    Unary: _elementwise,
}
"""Operators to which a transposition makes no difference, or one that another attribute makes good."""


def before(values: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """What holds for each axis of a transposition's result, for each axis of its source."""
    return tuple(values[int(axis)] for axis in np.argsort(axes))


def composed(first: Axes, second: Axes) -> Axes:
    """The transposition that does ``first`` and then ``second``."""
    return tuple(first[axis] for axis in second)


def constant_before(data: Array, axes: Axes) -> Array | None:
    """The constant that a transposition would make ``data``, which broadcasts with its result; None if none would."""
    if data.ndim > len(axes):
        return None
    whole = data.reshape((1,) * (len(axes) - data.ndim) + data.shape)
    return np.ascontiguousarray(whole.transpose(np.argsort(axes)))
