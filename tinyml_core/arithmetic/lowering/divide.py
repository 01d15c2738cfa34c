"""Lowering of the quotient of two int8 activations: a table over the 256 divisors.

Source of ``tflite``: TensorFlow Lite ``reference/div.h`` and ``GetReciprocal``. In both modes a negative divisor turns
both signs, and a divisor of zero gives the greatest or least value by the sign of the dividend, zero for zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.fixed_point_functions import reciprocal
from tinyml_core.arithmetic.lowering.requantisation import activation_limits, place_of
from tinyml_core.arithmetic.multiplier import quantise_multiplier, single_multiplier
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operators import Binary

LARGEST_RATIO = 2.0**20


@dataclass(frozen=True, eq=False)
class DivideLowering:
    """``n = a - za`` over ``d = b - zb``; for d < 0 both change signs. ``mantissa`` and ``shift`` [256] are of b + 128.

    ``single`` (``ratio`` is None): ``n`` rescaled by mantissa and shift of the divisor, one rounding. ``tflite``: with
    ``h`` the number of bits that n can be shifted left within 32 bits (31 for 0), ``q = (n << h) * mantissa / 2**31``
    rounded, then ``q * ratio[0] / 2**31`` rounded and shifted right by ``h + shift - ratio[1]``, halves away from zero;
    a shift beyond 31 gives 0. ``zero_point`` is added, then ``low`` and ``high`` clamp.
    """

    input_zero_points: tuple[int, int]
    mantissa: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int8]
    ratio: tuple[int, int] | None
    zero_point: int
    low: int
    high: int


def lower_divide(node: Node, graph: Graph) -> DivideLowering:
    """Lower an int8 division.

    Raises:
        UnsupportedError: a quotient of one would be 2**20 steps of the output or more.
    """
    assert isinstance(node.op, Binary)
    left, right = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    exact = left.scale / (right.scale * output.scale)
    if not exact < LARGEST_RATIO:
        raise UnsupportedError(f"a quotient rescaled by {exact:g} is beyond 32-bit arithmetic", place=place_of(node))
    divisors = [abs(value - right.zero_point) for value in range(-128, 128)]
    ratio = None
    if graph.rounding is Rounding.SINGLE:
        pairs = [single_multiplier(exact / divisor) if divisor else (0, 0) for divisor in divisors]
    else:
        pairs = [reciprocal(divisor) if divisor else (0, 0) for divisor in divisors]
        ratio = quantise_multiplier(exact)
    return DivideLowering(
        (left.zero_point, right.zero_point),
        np.array([mantissa for mantissa, _ in pairs], np.int32),
        np.array([shift for _, shift in pairs], np.int8),
        ratio,
        output.zero_point,
        *activation_limits(node.op.activation, output),
    )
