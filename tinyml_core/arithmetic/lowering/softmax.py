"""Lowering of softmax: TensorFlow Lite's fixed-point algorithm with its exponentials in a table.

Source: TensorFlow Lite ``reference/softmax.h`` and ``PreprocessSoftmaxScaling``. The only inputs of the exponential are
the 256 possible differences between a value and the maximum of its row, so nothing is left of it at run time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.fixed_point import doubling_high_product, exp_on_negative_values
from tinyml_core.arithmetic.lowering.requantisation import place_of, require_quantised
from tinyml_core.arithmetic.multiplier import quantise_multiplier
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Softmax

INTEGER_BITS = 5
"""Of the scaled differences: exponentials below exp(-32) count as nothing."""
LONGEST_ROW = 4095
"""Elements whose exponentials a sum with 12 integer bits holds."""


@dataclass(frozen=True, eq=False)
class SoftmaxLowering:
    """Softmax along the last axis; the rest of the algorithm is constant and told in docs/arithmetic.md.

    ``exponentials`` [256] holds ``exp(-difference)`` in Q0.31 for difference = row maximum - value; it is 0 from the
    first difference that TensorFlow Lite leaves out, which makes leaving out and adding the same.
    """

    exponentials: npt.NDArray[np.int32]


def lower_softmax(node: Node, graph: Graph) -> SoftmaxLowering:
    """Lower an int8 :class:`Softmax`.

    Raises:
        UnsupportedError: operands are not int8, the output does not have scale 1/256 and zero point -128, the row is
            too long, or ``beta`` times the scale is too small to tell values apart.
    """
    assert isinstance(node.op, Softmax)
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    place = place_of(node)
    require_quantised(node, [source, output])
    if (output.scale, output.zero_point) != (1 / 256, -128):
        raise UnsupportedError("needs an output with scale 1/256 and zero point -128", place=place)
    if source.shape[-1] > LONGEST_ROW:
        raise UnsupportedError(f"has rows of {source.shape[-1]} elements; up to {LONGEST_ROW} are known", place=place)
    factor = min(node.op.beta * source.scale * (1 << (31 - INTEGER_BITS)), 2.0**31 - 1)
    if not factor > 1:
        raise UnsupportedError(
            f"beta {node.op.beta:g} at scale {source.scale:g} is beyond 32-bit arithmetic", place=place
        )
    return SoftmaxLowering(exponential_table(*quantise_multiplier(factor))[0])


def exponential_table(mantissa: int, shift: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], int]:
    """Exponentials in Q0.31 of the differences 0 to -255, the differences in Q5.26, and how far below 0 both reach.

    A difference in Q5.26 is an integer times ``mantissa / 2**31 * 2**shift``; beyond the reach the tables hold 0.
    """
    reach = min((((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS)) >> shift, 255)
    exponentials, differences = np.zeros(256, np.int32), np.zeros(256, np.int32)
    for difference in range(reach + 1):
        differences[difference] = doubling_high_product(-difference << shift, mantissa)
        exponentials[difference] = exp_on_negative_values(int(differences[difference]))
    return exponentials, differences, reach
