"""Lowering of normalisations along the last axis whose sums are only known at run time, but softmax.

Sources: TensorFlow Lite ``reference/integer_ops/l2normalization.h`` and ``reference/log_softmax.h``. Both rounding
modes share these algorithms; docs/arithmetic.md tells them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.requantisation import place_of, require_quantised
from tinyml_core.arithmetic.lowering.softmax import INTEGER_BITS, LONGEST_ROW, exponential_table
from tinyml_core.arithmetic.multiplier import quantise_multiplier
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node

LONGEST_VECTOR = 33025
"""Elements whose squares 31 bits hold."""


@dataclass(frozen=True)
class L2NormLowering:
    """``(x - input_zero_point)`` times 128 over the root of the sum of the squares of its row, rounded and clamped."""

    input_zero_point: int


@dataclass(frozen=True, eq=False)
class LogSoftmaxLowering:
    """Log-softmax in sixteenths, 127 for 0. The tables [256] are over row maximum - value.

    ``exponentials`` are in Q0.31, ``differences`` (never positive) in Q5.26; ``reverse`` = (mantissa, shift) turns
    Q5.26 into differences of integers, and what lies ``limit`` or more below the maximum becomes the least integer.
    """

    exponentials: npt.NDArray[np.int32]
    differences: npt.NDArray[np.int32]
    reverse: tuple[int, int]
    limit: int


def lower_l2_norm(node: Node, graph: Graph) -> L2NormLowering:
    """Lower an int8 :class:`~tinyml_core.graph.operators.L2Norm`; ``epsilon`` is far below what integers tell.

    Raises:
        UnsupportedError: operands are not int8, the output does not have scale 1/128 and zero point 0, or a row is too
            long.
    """
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    require_quantised(node, [source, output])
    if (output.scale, output.zero_point) != (1 / 128, 0):
        raise UnsupportedError("needs an output with scale 1/128 and zero point 0", place=place_of(node))
    if source.shape[-1] > LONGEST_VECTOR:
        raise UnsupportedError(
            f"has rows of {source.shape[-1]} elements; up to {LONGEST_VECTOR} are known", place=place_of(node)
        )
    return L2NormLowering(source.zero_point)


def lower_log_softmax(node: Node, graph: Graph) -> LogSoftmaxLowering:
    """Lower an int8 :class:`~tinyml_core.graph.operators.LogSoftmax`.

    Raises:
        UnsupportedError: operands are not int8, the output does not have scale 1/16 and zero point 127, a row is too
            long, or the scale is too small to tell values apart.
    """
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    place = place_of(node)
    require_quantised(node, [source, output])
    if (output.scale, output.zero_point) != (1 / 16, 127):
        raise UnsupportedError("needs an output with scale 1/16 and zero point 127", place=place)
    if source.shape[-1] > LONGEST_ROW:
        raise UnsupportedError(f"has rows of {source.shape[-1]} elements; up to {LONGEST_ROW} are known", place=place)
    factor = min(source.scale * (1 << (31 - INTEGER_BITS)), 2.0**31 - 1)
    if not factor >= 2:
        raise UnsupportedError(f"scale {source.scale:g} is beyond 32-bit arithmetic", place=place)
    mantissa, shift = quantise_multiplier(factor)
    exponentials, differences, reach = exponential_table(mantissa, shift)
    reverse = quantise_multiplier((1 << (31 - shift)) / mantissa)
    return LogSoftmaxLowering(exponentials, differences, reverse, reach + 1)
