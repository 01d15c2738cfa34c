"""Pointwise operators: one function applied to every element, after broadcasting.

``function`` names a row of the tables of whoever carries the operator out. Comparisons and logic give BOOL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.operators.broadcast import broadcast
from tinyml_core.graph.operators.window import IDENTITY, Activation
from tinyml_core.graph.tensor import DType, Tensor

UNARY = (
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "celu", "ceil", "cos", "cosh", "elu", "erf", "exp",
    "floor", "gelu", "gelu_tanh", "hard_sigmoid", "hard_swish", "leaky_relu", "log", "mish", "negate", "not",
    "reciprocal", "round", "rsqrt", "selu", "shrink", "sigmoid", "sign", "sin", "sinh", "softplus", "softsign",
    "sqrt", "swish", "tan", "tanh", "thresholded_relu",
)  # fmt: skip
"""Functions of one operand; ``round`` takes halves to even, ``swish`` is ``x * sigmoid(alpha * x)``."""
ARITHMETIC = (
    "divide", "maximum", "minimum", "modulo", "multiply", "power", "prelu", "remainder", "squared_difference",
    "subtract",
)  # fmt: skip
"""Functions of two operands with a result of their type; ``prelu`` is ``x * slope`` for negative ``x``, else ``x``.

What is left of a division has the sign of the divisor as ``modulo``, of the dividend as ``remainder``.
"""
COMPARISONS = ("equal", "greater", "greater_equal", "less", "less_equal", "not_equal")
LOGIC = ("and", "or", "xor")


@dataclass(frozen=True)
class Unary(Operator):
    """A function of one operand; ``alpha`` and ``beta`` are its parameters where it has any."""

    kind: ClassVar[str] = "unary"
    function: str = ""
    alpha: float = 0.0
    beta: float = 0.0

    @property
    def title(self) -> str:
        """The function."""
        return self.function

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape and type."""
        require(self.function in UNARY, f"function {self.function!r} is unknown")
        return (TensorType(inputs[0].shape, inputs[0].dtype),)


@dataclass(frozen=True)
class Binary(Operator):
    """A function of two operands of one type; addition is :class:`~tinyml_core.graph.operators.elementwise.Add`."""

    kind: ClassVar[str] = "binary"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    function: str = ""
    activation: Activation = IDENTITY

    @property
    def title(self) -> str:
        """The function."""
        return self.function

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The broadcast shape; BOOL for comparisons and logic, else the operands' type."""
        left, right = inputs
        require(self.function in ARITHMETIC + COMPARISONS + LOGIC, f"function {self.function!r} is unknown")
        require(left.dtype == right.dtype, f"types {left.dtype.value} and {right.dtype.value} differ")
        dtype = left.dtype if self.function in ARITHMETIC else DType.BOOL
        return (TensorType(broadcast(left.shape, right.shape), dtype),)


@dataclass(frozen=True)
class Select(Operator):
    """``condition ? left : right``; inputs are (condition, left, right), all broadcast."""

    kind: ClassVar[str] = "select"
    arity: ClassVar[tuple[int, int]] = (3, 3)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The broadcast shape, the type of both choices."""
        condition, left, right = inputs
        require(condition.dtype is DType.BOOL, f"the condition is {condition.dtype.value}, not bool")
        require(left.dtype == right.dtype, f"types {left.dtype.value} and {right.dtype.value} differ")
        return (TensorType(broadcast(condition.shape, left.shape, right.shape), left.dtype),)


@dataclass(frozen=True)
class Cast(Operator):
    """The same numbers in another type, without a scale: towards zero from float, modulo between integers."""

    kind: ClassVar[str] = "cast"
    dtype: str = "float32"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape in ``dtype``."""
        require(self.dtype in [dtype.value for dtype in DType], f"type {self.dtype!r} is unknown")
        return (TensorType(inputs[0].shape, DType(self.dtype)),)
