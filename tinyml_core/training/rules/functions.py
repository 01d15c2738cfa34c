"""Gradients of functions of one operand: their slope at the operand's real value, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tinyml_core.graph.graph import Node
from tinyml_core.graph.operators import Add, Binary, Dequantize, Select, Unary
from tinyml_core.training.autodiff import Backward


def unary(back: Backward, node: Node) -> None:
    """Functions that have a row in :data:`SLOPES`; int8 ones pass nothing where they saturate."""
    op = node.op
    assert isinstance(op, Unary)
    slope = SLOPES.get(op.function)
    if slope is None:
        raise back.unsupported(node, f"function {op.function!r} has no gradient")
    (source,), (output,) = back.graph.inputs_of(node), back.graph.outputs_of(node)
    gradient, operand = back.gradient_of(node), source.name
    if not back.is_float(node):
        gradient = back.masked(node, [source.scale / output.scale], "scaled")
        operand = back.emit(Dequantize(), [source.name], node, "operand")
    slopes = slope(_Slope(back, node, op), operand)
    back.give(source.name, back.emit(Binary("multiply"), [gradient, slopes], node, "gradient"))


class _Slope:
    """Writes the slope of one function."""

    def __init__(self, back: Backward, node: Node, op: Unary) -> None:
        self._back, self._node, self.op = back, node, op

    def number(self, value: float) -> str:
        """A constant."""
        return self._back.constant(np.full(1, value, np.float32), f"{self._node.name}.number")

    def unary(self, function: str, operand: str) -> str:
        """A function of one operand."""
        return self._back.emit(Unary(function), [operand], self._node, function)

    def binary(self, function: str, left: str, right: str) -> str:
        """A function of two operands."""
        op = Add() if function == "add" else Binary(function)
        return self._back.emit(op, [left, right], self._node, function)

    def where(self, condition: str, left: str, right: str) -> str:
        """A choice."""
        return self._back.emit(Select(), [condition, left, right], self._node, "choice")


def _sigmoid(slope: _Slope, operand: str) -> str:
    """``s - s * s``."""
    value = slope.unary("sigmoid", operand)
    return slope.binary("subtract", value, slope.binary("multiply", value, value))


def _tanh(slope: _Slope, operand: str) -> str:
    """``1 - t * t``."""
    value = slope.unary("tanh", operand)
    return slope.binary("subtract", slope.number(1.0), slope.binary("multiply", value, value))


def _leaky_relu(slope: _Slope, operand: str) -> str:
    """1 above zero, else ``alpha``."""
    positive = slope.binary("greater", operand, slope.number(0.0))
    return slope.where(positive, slope.number(1.0), slope.number(slope.op.alpha))


def _hard_swish(slope: _Slope, operand: str) -> str:
    """``x / 3 + 1 / 2`` between -3 and 3; 0 below, 1 above."""
    inner = slope.binary("add", slope.binary("multiply", operand, slope.number(1 / 3)), slope.number(0.5))
    below = slope.binary("less_equal", operand, slope.number(-3.0))
    above = slope.binary("greater_equal", operand, slope.number(3.0))
    return slope.where(below, slope.number(0.0), slope.where(above, slope.number(1.0), inner))


SLOPES: Mapping[str, Callable[[_Slope, str], str]] = {
    "hard_swish": _hard_swish,
    "leaky_relu": _leaky_relu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
}
"""Function -> its derivative at a float32 operand."""
