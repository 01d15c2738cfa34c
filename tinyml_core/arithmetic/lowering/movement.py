"""Lowering of the operators that move integers and compute nothing."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.arithmetic.lowering.requantisation import (
    place_of,
    quantised,
    require_quantised,
    require_same_scale,
)
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Pad
from tinyml_core.graph.tensor import DType


@dataclass(frozen=True)
class MoveLowering:
    """Pad and reshape: values move unchanged; ``fill`` is what a pad surrounds them with."""

    fill: int


def lower_move(node: Node, graph: Graph) -> MoveLowering:
    """Lower a :class:`Pad` with a constant, or a ``Reshape``, of quantised integers.

    Raises:
        UnsupportedError: the type is not known, input and output have different scales, or a pad mirrors or repeats.
    """
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    require_quantised(node, [source, output], [dtype for dtype in DType if dtype.is_integer])
    require_same_scale(node, source, output)
    if not isinstance(node.op, Pad):
        return MoveLowering(output.zero_point)
    if node.op.mode != "constant":
        raise UnsupportedError(f"pads by mode {node.op.mode!r}, which no one fill does", place=place_of(node))
    low, high = output.dtype.limits
    return MoveLowering(min(max(quantised(node.op.value, output), low), high))


def lower_select(node: Node, graph: Graph) -> MoveLowering:
    """Lower a ``Select`` of quantised integers.

    Raises:
        UnsupportedError: the type is not known, or the choices and the output have different scales.
    """
    _, *choices = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    require_quantised(node, [*choices, output], [dtype for dtype in DType if dtype.is_integer])
    for choice in choices:
        require_same_scale(node, choice, output)
    return MoveLowering(output.zero_point)
