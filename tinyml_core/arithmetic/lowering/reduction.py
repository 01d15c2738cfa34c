"""Lowering of reductions of int8 activations, but the mean."""

from __future__ import annotations

import math

from tinyml_core.arithmetic.lowering.movement import MoveLowering
from tinyml_core.arithmetic.lowering.pooling import MeanLowering, PoolLowering, require_summable
from tinyml_core.arithmetic.lowering.requantisation import (
    place_of,
    requantisation,
    require_activations,
    require_quantised,
    require_same_scale,
)
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import ArgReduce, Reduce
from tinyml_core.graph.tensor import DType


def lower_reduce(node: Node, graph: Graph) -> MeanLowering | PoolLowering:
    """Lower an int8 or int16 sum (requantised as a mean is), or an int8 maximum or minimum (which move values).

    Raises:
        UnsupportedError: operands are of other types, the function is another one, or scales do not suit it.
    """
    assert isinstance(node.op, Reduce)
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    if node.op.function == "sum":
        count = math.prod(source.shape[axis] for axis in node.op.axes)
        if require_activations(node, [source, output]) is DType.INT16:
            require_summable(node, count)
        scales = [source.scale / output.scale]
        return MeanLowering(source.zero_point, count, requantisation(scales, node, output, graph.rounding))
    require_quantised(node, [source, output])
    if node.op.function not in ("max", "min"):
        raise UnsupportedError(f"no integer arithmetic is defined for {node.op.function!r}", place=place_of(node))
    require_same_scale(node, source, output)
    return PoolLowering(*output.dtype.limits)


def lower_arg_reduce(node: Node, graph: Graph) -> MoveLowering:
    """Lower a quantised :class:`ArgReduce`, whose integers are taken as they are: their order is that of their values.

    Raises:
        UnsupportedError: the input is not int8.
    """
    assert isinstance(node.op, ArgReduce)
    require_quantised(node, graph.inputs_of(node))
    return MoveLowering(graph.inputs_of(node)[0].zero_point)
