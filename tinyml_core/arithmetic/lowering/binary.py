"""Lowering of functions of two int8 operands, and of those that int16 has, but additions and subtractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.fixed_point import doubling_high_product, rounding_right_shift
from tinyml_core.arithmetic.lowering.add import AddLowering, lower_add
from tinyml_core.arithmetic.lowering.divide import DivideLowering, lower_divide
from tinyml_core.arithmetic.lowering.requantisation import (
    Requantisation,
    activation_limits,
    place_of,
    requantisation,
    require_activations,
    require_quantised,
    require_same_scale,
)
from tinyml_core.arithmetic.lowering.squared_difference import SquaredDifferenceLowering, lower_squared_difference
from tinyml_core.arithmetic.multiplier import quantise_multiplier
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operators import Binary
from tinyml_core.graph.operators.pointwise import COMPARISONS
from tinyml_core.graph.tensor import Tensor

SIXTEEN_BITS = ("maximum", "minimum", "multiply", "subtract")
"""Functions that int16 operands have too."""


@dataclass(frozen=True)
class MultiplyLowering:
    """Product: ``(a - input_zero_points[0]) * (b - input_zero_points[1])``, requantised."""

    input_zero_points: tuple[int, int]
    requantisation: Requantisation


@dataclass(frozen=True)
class PreluLowering:
    """``x - zx`` requantised by ``positive`` unless negative; else ``(x - zx) * (slope - zs)`` by ``negative``."""

    input_zero_points: tuple[int, int]
    positive: Requantisation
    negative: Requantisation


@dataclass(frozen=True)
class ExtremumLowering:
    """Greater or lesser of two raw values, clamped."""

    low: int
    high: int


@dataclass(frozen=True, eq=False)
class ComparisonLowering:
    """``left[a + 128]`` compared with ``right[b + 128]``; both tables [256] never fall."""

    left: npt.NDArray[np.int16]
    right: npt.NDArray[np.int16]

    @property
    def raw(self) -> bool:
        """Whether comparing the raw values comes to the same."""
        return bool(np.array_equal(self.left, self.right) and (np.diff(self.left) > 0).all())


BinaryLowering = (
    AddLowering
    | MultiplyLowering
    | PreluLowering
    | ExtremumLowering
    | ComparisonLowering
    | DivideLowering
    | SquaredDifferenceLowering
)


def lower_binary(node: Node, graph: Graph) -> BinaryLowering:
    """Lower an int8 or int16 :class:`Binary`.

    Raises:
        UnsupportedError: operands are of other types, no integer arithmetic is defined for the function, or the
            scales do not suit it.
    """
    assert isinstance(node.op, Binary)
    function = node.op.function
    if function in COMPARISONS:
        return _lower_comparison(node, graph)
    if function not in _LOWERINGS:
        raise UnsupportedError(f"no integer arithmetic is defined for {function!r}", place=place_of(node))
    tensors = [*graph.inputs_of(node), *graph.outputs_of(node)]
    if function in SIXTEEN_BITS:
        require_activations(node, tensors)
    else:
        require_quantised(node, tensors)
    return _LOWERINGS[function](node, graph)


def _lower_multiply(node: Node, graph: Graph) -> MultiplyLowering:
    assert isinstance(node.op, Binary)
    left, right = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    scales = [left.scale * right.scale / output.scale]
    by = requantisation(scales, node, output, graph.rounding, node.op.activation)
    return MultiplyLowering((left.zero_point, right.zero_point), by)


def _lower_prelu(node: Node, graph: Graph) -> PreluLowering:
    assert isinstance(node.op, Binary)
    source, slope = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    positive, negative = (
        requantisation([scale / output.scale], node, output, graph.rounding, node.op.activation)
        for scale in (source.scale, source.scale * slope.scale)
    )
    return PreluLowering((source.zero_point, slope.zero_point), positive, negative)


def _lower_extremum(node: Node, graph: Graph) -> ExtremumLowering:
    assert isinstance(node.op, Binary)
    (output,) = graph.outputs_of(node)
    for operand in graph.inputs_of(node):
        require_same_scale(node, operand, output)
    return ExtremumLowering(*activation_limits(node.op.activation, output))


_LOWERINGS: dict[str, Callable[[Node, Graph], BinaryLowering]] = {
    "divide": lower_divide,
    "maximum": _lower_extremum,
    "minimum": _lower_extremum,
    "multiply": _lower_multiply,
    "prelu": _lower_prelu,
    "squared_difference": lower_squared_difference,
    "subtract": lower_add,
}


def _lower_comparison(node: Node, graph: Graph) -> ComparisonLowering:
    operands = graph.inputs_of(node)
    require_quantised(node, operands)
    if graph.rounding is Rounding.SINGLE:
        columns: list[list[int] | list[Fraction]] = [_real_values(operand) for operand in operands]
    else:
        columns = [_scaled_values(node, operand) for operand in operands]
    ranks = {value: rank for rank, value in enumerate(sorted({value for column in columns for value in column}))}
    left, right = (np.array([ranks[value] for value in column], np.int16) for column in columns)
    return ComparisonLowering(left, right)


def _real_values(tensor: Tensor) -> list[Fraction]:
    """What the 256 integers stand for, exactly."""
    return [Fraction(tensor.scale) * (value - tensor.zero_point) for value in range(-128, 128)]


def _scaled_values(node: Node, tensor: Tensor) -> list[int]:
    """``scale * (x - zero_point) * 2**8`` rounded twice, as TensorFlow Lite compares."""
    if not tensor.scale < 1.0:
        raise UnsupportedError(f"compares at scale {tensor.scale:g}; scales below 1 are known", place=place_of(node))
    mantissa, shift = quantise_multiplier(tensor.scale)
    if shift > 0:
        raise UnsupportedError(f"compares at scale {tensor.scale:g}, which rounds to 1", place=place_of(node))
    return [
        rounding_right_shift(doubling_high_product((value - tensor.zero_point) << 8, mantissa), -shift)
        for value in range(-128, 128)
    ]


__all__ = [
    "BinaryLowering", "ComparisonLowering", "ExtremumLowering", "MultiplyLowering", "PreluLowering", "lower_binary",
]  # fmt: skip
