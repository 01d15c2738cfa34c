"""Lowering of the crossings between scales, and between integers and float."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.arithmetic.lowering.requantisation import (
    Requantisation,
    requantisation,
    require_activations,
    require_quantised,
)
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Clamp, Dequantize, Quantize
from tinyml_core.graph.tensor import DType

NARROW = (DType.INT8, DType.UINT8, DType.INT16)
"""Integer types with a scale that crossings know."""


@dataclass(frozen=True)
class RescaleLowering:
    """Integers to another scale: ``x - input_zero_point``, requantised (and clamped) into the output's type."""

    input_zero_point: int
    requantisation: Requantisation


@dataclass(frozen=True)
class QuantizeLowering:
    """float32 to integers: ``x / scale`` in float32, rounded with halves away from zero, plus ``zero_point``, clamped.

    ``scale`` is a float32 value. A NaN becomes ``low``.
    """

    scale: float
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class DequantizeLowering:
    """Integers to float32: ``scale * (q - zero_point)`` in float32; ``scale`` is a float32 value."""

    scale: float
    zero_point: int


def lower_clamp(node: Node, graph: Graph) -> RescaleLowering:
    """Lower an int8 or int16 :class:`Clamp`.

    Raises:
        UnsupportedError: operands are of other types, or the rescaling is too large.
    """
    assert isinstance(node.op, Clamp)
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    require_activations(node, [source, output])
    scales = [source.scale / output.scale]
    return RescaleLowering(source.zero_point, requantisation(scales, node, output, graph.rounding, node.op.activation))


def lower_quantize(node: Node, graph: Graph) -> RescaleLowering | QuantizeLowering:
    """Lower a :class:`Quantize` from float32, or between narrow integer types.

    Raises:
        UnsupportedError: types are not known, or the rescaling is too large.
    """
    assert isinstance(node.op, Quantize)
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    if source.dtype is DType.FLOAT32:
        require_quantised(node, [output], NARROW)
        return QuantizeLowering(output.scale, output.zero_point, *output.dtype.limits)
    require_quantised(node, [source, output], NARROW)
    return RescaleLowering(
        source.zero_point, requantisation([source.scale / output.scale], node, output, graph.rounding)
    )


def lower_dequantize(node: Node, graph: Graph) -> DequantizeLowering:
    """Lower a :class:`Dequantize` of a narrow integer type.

    Raises:
        UnsupportedError: the type is not known.
    """
    assert isinstance(node.op, Dequantize)
    (source,) = graph.inputs_of(node)
    require_quantised(node, [source], NARROW)
    return DequantizeLowering(source.scale, source.zero_point)
