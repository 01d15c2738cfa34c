"""Lowering of poolings over a window and of the mean over axes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyml_core.arithmetic.lowering.requantisation import (
    Requantisation,
    activation_limits,
    place_of,
    requantisation,
    require_activations,
    require_same_scale,
)
from tinyml_core.arithmetic.multiplier import Multipliers
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operators import AveragePool2D, MaxPool2D, Mean
from tinyml_core.graph.tensor import DType

MOST_ADDENDS = 65535
"""int16 elements whose sum 32 bits hold, with half their number for rounding."""


@dataclass(frozen=True)
class PoolLowering:
    """Poolings: the average (halves away from zero) or greatest of the taps inside the image, clamped.

    Both work on the raw values; the average divides their sum by the number of taps inside.
    """

    low: int
    high: int


@dataclass(frozen=True)
class MeanLowering:
    """Mean over axes: ``sum(x) - count * input_zero_point``, requantised; ``count`` elements go into each output."""

    input_zero_point: int
    count: int
    requantisation: Requantisation


def require_summable(node: Node, count: int) -> None:
    """Check that the sum of ``count`` int16 elements fits 32 bits.

    Raises:
        UnsupportedError: it may not.
    """
    if count > MOST_ADDENDS:
        raise UnsupportedError(f"adds up {count} int16 elements; up to {MOST_ADDENDS} are known", place=place_of(node))


def lower_pool(node: Node, graph: Graph) -> PoolLowering:
    """Lower an int8 or int16 :class:`AveragePool2D` or :class:`MaxPool2D`.

    Raises:
        UnsupportedError: operands are of other types, or input and output have different scales.
    """
    assert isinstance(node.op, AveragePool2D | MaxPool2D)
    (image,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    dtype = require_activations(node, [image, output])
    if isinstance(node.op, AveragePool2D) and dtype is DType.INT16:
        require_summable(node, node.op.kernel[0] * node.op.kernel[1])
    require_same_scale(node, image, output)
    return PoolLowering(*activation_limits(node.op.activation, output))


def lower_mean(node: Node, graph: Graph) -> MeanLowering:
    """Lower an int8 or int16 :class:`Mean`.

    Raises:
        UnsupportedError: operands are of other types, or the rescaling or the number of elements is too large.
    """
    assert isinstance(node.op, Mean)
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    dtype = require_activations(node, [source, output])
    count = math.prod(source.shape[axis] for axis in node.op.axes)
    if dtype is DType.INT16:
        require_summable(node, count)
    ratio = source.scale / output.scale
    if graph.rounding is Rounding.SINGLE:
        return MeanLowering(source.zero_point, count, requantisation([ratio / count], node, output, graph.rounding))
    whole = requantisation([ratio], node, output, graph.rounding)
    (mantissa,), (shift,) = whole.by.mantissa, whole.by.shift
    # The division by the count goes into the mantissa, truncating, as QuantizedMeanOrSum does it.
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    by = Multipliers(graph.rounding, ((mantissa << extra) // count,), (shift - extra,))
    return MeanLowering(source.zero_point, count, Requantisation(by, whole.zero_point, whole.low, whole.high))
