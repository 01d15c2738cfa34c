"""Lowering of the sum and the difference of two activations with scales of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyml_core.arithmetic.lowering.requantisation import activation_limits, place_of, require_activations
from tinyml_core.arithmetic.multiplier import quantise_multiplier
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operators import Add, Binary
from tinyml_core.graph.tensor import DType

LEFT_SHIFT = {DType.INT8: 20, DType.INT16: 15}
"""TensorFlow Lite's head room for additions."""
MANTISSA_BITS = {DType.INT8: 21, DType.INT16: 29}
"""Of the factors of ``single`` additions."""


@dataclass(frozen=True)
class TfliteAdd:
    """``tflite`` addition; every rescaling is a ``tflite`` one with a shift <= 0, sums wrap modulo 2**32.

    ``A = rescale((a - za) << left_shift, mantissa[0], shift[0])``, B likewise with the second constants; the output is
    ``clamp(rescale(A + B, mantissa[2], shift[2]) + zero_point, low, high)``, with ``A - B`` where ``subtract``.
    """

    input_zero_points: tuple[int, int]
    left_shift: int
    mantissa: tuple[int, int, int]
    shift: tuple[int, int, int]
    zero_point: int
    low: int
    high: int
    subtract: bool = False


@dataclass(frozen=True)
class SingleRoundingAdd:
    """``single`` addition: ``clamp((mantissa[0] * a + mantissa[1] * b + constant >> shift) + zero_point, low, high)``.

    ``mantissa[1]`` is negative for a difference. ``a`` and ``b`` are raw values: ``constant`` holds the zero points'
    share and the rounding ``2**(shift-1)``. Every partial sum fits 32 bits and 2 <= shift <= 30; for int16 it fits 46
    and 15 <= shift <= 38.
    """

    mantissa: tuple[int, int]
    constant: int
    shift: int
    zero_point: int
    low: int
    high: int


AddLowering = TfliteAdd | SingleRoundingAdd


def lower_add(node: Node, graph: Graph) -> AddLowering:
    """Lower an int8 or int16 :class:`Add`, or a subtraction.

    Raises:
        UnsupportedError: operands are of other types, or an input's scale is 2**19 times the output's or more
            (2**14 for int16).
    """
    assert isinstance(node.op, Add | Binary)
    subtract = isinstance(node.op, Binary)
    left, right = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    dtype = require_activations(node, [left, right, output])
    left_shift, bits = LEFT_SHIFT[dtype], MANTISSA_BITS[dtype]
    low, high = activation_limits(node.op.activation, output)
    greatest = max(left.scale, right.scale)
    if greatest / output.scale >= 2.0 ** (left_shift - 1):
        raise UnsupportedError(
            f"an addition rescaled by {greatest / output.scale:g} is beyond 32-bit arithmetic",
            place=place_of(node),
            remedy="check the scales",
        )
    if graph.rounding is Rounding.TFLITE:
        factors = (
            left.scale / (2 * greatest),
            right.scale / (2 * greatest),
            2 * greatest / ((1 << left_shift) * output.scale),
        )
        (m0, s0), (m1, s1), (m2, s2) = (quantise_multiplier(factor) for factor in factors)
        return TfliteAdd(
            (left.zero_point, right.zero_point),
            left_shift,
            (m0, m1, m2),
            (s0, s1, s2),
            output.zero_point,
            low,
            high,
            subtract,
        )
    ratios = (left.scale / output.scale, right.scale / output.scale)
    shift = min(bits + 9, bits - math.frexp(max(ratios))[1])
    first, second = (math.floor(math.ldexp(ratio, shift) + 0.5) for ratio in ratios)
    if subtract:
        second = -second
    constant = (1 << (shift - 1)) - first * left.zero_point - second * right.zero_point
    return SingleRoundingAdd((first, second), constant, shift, output.zero_point, low, high)
