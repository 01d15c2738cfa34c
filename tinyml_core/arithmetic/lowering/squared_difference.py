"""Lowering of the square of a difference of two int8 activations, TensorFlow Lite's for either rounding."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.arithmetic.lowering.requantisation import Requantisation, requantisation
from tinyml_core.arithmetic.multiplier import quantise_multiplier
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Binary

LEFT_SHIFT = 7
"""TensorFlow Lite's head room, beyond which a square would leave 32 bits."""
REACH = (2 * 255 * (1 << LEFT_SHIFT - 1)) ** 2
"""The greatest square."""


@dataclass(frozen=True)
class SquaredDifferenceLowering:
    """``(A - B)**2`` requantised, with ``A = rescale((a - za) << LEFT_SHIFT, mantissa[0], shift[0])``, B likewise.

    ``rescale`` is that of ``tflite`` whatever the graph's rounding; shifts are <= 0.
    """

    input_zero_points: tuple[int, int]
    mantissa: tuple[int, int]
    shift: tuple[int, int]
    requantisation: Requantisation


def lower_squared_difference(node: Node, graph: Graph) -> SquaredDifferenceLowering:
    """Lower an int8 ``squared_difference``; raises UnsupportedError when the scales are beyond 32-bit arithmetic."""
    assert isinstance(node.op, Binary)
    left, right = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    common = 2 * max(left.scale, right.scale)
    (m0, s0), (m1, s1) = (quantise_multiplier(tensor.scale / common) for tensor in (left, right))
    scale = common * common / ((1 << 2 * LEFT_SHIFT) * output.scale)
    by = requantisation([scale], node, output, graph.rounding, node.op.activation)
    return SquaredDifferenceLowering((left.zero_point, right.zero_point), (m0, m1), (s0, s1), by)
