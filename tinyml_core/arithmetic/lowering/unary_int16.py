"""Lowering of the functions of one int16 operand, as TensorFlow Lite's integer kernels evaluate them.

Sources: TensorFlow Lite ``reference/integer_ops/logistic.h`` and ``tanh.h``, prepared as in TensorFlow Lite Micro's
``logistic_common.cc`` and ``tanh.cc``; ``reference/leaky_relu.h``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.requantisation import Requantisation, place_of, requantisation
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Unary

STEPS_PER_UNIT = 24
"""Of the sigmoid's table."""
LARGEST_MULTIPLIER = 32767
LARGEST_RATIO = 2.0**15


@dataclass(frozen=True, eq=False)
class SigmoidLowering:
    """Sigmoid, or ``2 * sigmoid(2 x) - 1`` where ``hyperbolic``, by interpolation in ``table`` [256], which is Q0.16.

    ``v = (x * multiplier + 2**(shift-1)) >> shift`` (nothing is added for shift 0) counts in 1/(3 * 4096); its
    magnitude shifted right by 9, by 8 where ``hyperbolic``, is the place in the table, and what is left the share of
    the next one.
    """

    multiplier: int
    shift: int
    table: npt.NDArray[np.uint16]
    hyperbolic: bool


@dataclass(frozen=True)
class RampLowering:
    """``x`` requantised by ``positive``; where it is negative, ``flip_output * requantised(flip_input * x)``.

    The latter is by ``negative``; clamped last.
    """

    positive: Requantisation
    negative: Requantisation
    flip_input: int = 1
    flip_output: int = 1


Int16UnaryLowering = SigmoidLowering | RampLowering


def lower_int16_unary(node: Node, graph: Graph) -> Int16UnaryLowering:
    """Lower an int16 :class:`Unary`.

    Raises:
        UnsupportedError: the function has no int16 arithmetic, or the scales do not suit it.
    """
    assert isinstance(node.op, Unary)
    match node.op.function:
        case "sigmoid" | "tanh":
            return _lower_sigmoid(node, graph)
        case "abs" | "leaky_relu":
            return _lower_ramp(node, graph)
    raise UnsupportedError(f"no int16 arithmetic is defined for {node.op.function!r}", place=place_of(node))


def sigmoid_table() -> npt.NDArray[np.uint16]:
    """TensorFlow Lite's ``sigmoid_table_uint16``: sigmoid(i / 24) in Q0.16.

    Each value is moved by half of the error that interpolation would have in the middle of its step; the last is 1.
    """
    places = np.arange(257) / STEPS_PER_UNIT
    exact = 65536 / (1 + np.exp(-places))
    middle = 65536 / (1 + np.exp(-(places[:-1] + 0.5 / STEPS_PER_UNIT)))
    table = np.floor(exact[:-1] - ((exact[:-1] + exact[1:]) / 2 - middle) / 2 + 0.5)
    table[-1] = 65535
    return table.astype(np.uint16)


def _lower_sigmoid(node: Node, graph: Graph) -> SigmoidLowering:
    assert isinstance(node.op, Unary)
    (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
    hyperbolic = node.op.function == "tanh"
    if output.scale != 1 / 32768:
        raise UnsupportedError("needs an int16 output with scale 1/32768", place=place_of(node))
    power = math.log2(source.scale)
    shift = round(power) + 12
    if abs(power - round(power)) < 1e-3 and shift in ((0, 1) if hyperbolic else (0,)):
        return SigmoidLowering(3 << shift, 0, sigmoid_table(), hyperbolic)
    multiplier, shift = source.scale * 4096 * 3, 0
    while multiplier <= LARGEST_MULTIPLIER / 2 and shift <= 30:
        multiplier, shift = 2 * multiplier, shift + 1
    if not multiplier < LARGEST_MULTIPLIER + 1:
        raise UnsupportedError(f"an input of scale {source.scale:g} is beyond 32-bit arithmetic", place=place_of(node))
    return SigmoidLowering(int(multiplier), shift, sigmoid_table(), hyperbolic)


def _lower_ramp(node: Node, graph: Graph) -> RampLowering:
    assert isinstance(node.op, Unary)
    (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
    ratio = source.scale / output.scale
    slope = source.scale * float(np.float32(node.op.alpha)) / output.scale
    if not max(ratio, abs(slope)) < LARGEST_RATIO:
        raise UnsupportedError(
            f"a rescaling by {max(ratio, abs(slope)):g} is beyond 32-bit arithmetic", place=place_of(node)
        )
    positive = requantisation([ratio], node, output, graph.rounding)
    if node.op.function == "abs":
        return RampLowering(positive, positive, flip_input=-1)
    negative = requantisation([abs(slope)], node, output, graph.rounding)
    return RampLowering(positive, negative, flip_output=-1 if slope < 0 else 1)
