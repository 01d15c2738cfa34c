"""Lowering of the operators that move integers and compute nothing."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.arithmetic.lowering.requantisation import (
    quantised,
    require_quantised,
    require_same_scale,
)
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Pad, Reshape
from tinyml_core.graph.tensor import DType, Tensor


@dataclass(frozen=True)
class MoveLowering:
    """Values move unchanged; ``fill`` is what a pad with a constant surrounds them with."""

    fill: int


def lower_move(node: Node, graph: Graph) -> MoveLowering:
    """Lower a :class:`Pad` or a ``Reshape`` of quantised integers.

    Raises:
        UnsupportedError: the type is not known, or input and output have different scales.
    """
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    require_kept_scales(node, source, output)
    if not isinstance(node.op, Pad) or node.op.mode != "constant":
        return MoveLowering(output.zero_point)
    low, high = output.dtype.limits
    return MoveLowering(min(max(quantised(node.op.value, output), low), high))


def require_kept_scales(node: Node, source: Tensor, output: Tensor) -> None:
    """Check that integers of ``output`` mean what they meant in ``source``; weights may keep a scale for each filter.

    Raises:
        UnsupportedError: the type is not known, scales differ, or the filters do not stay the first axis.
    """
    scales = source.quantization
    by_filter = isinstance(node.op, Reshape) and scales is not None and scales.axis == 0
    if by_filter and scales == output.quantization and source.shape[0] == output.shape[0]:
        return
    require_quantised(node, [source, output], [dtype for dtype in DType if dtype.is_integer])
    require_same_scale(node, source, output)


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
