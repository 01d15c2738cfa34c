"""Elementwise operators, and softmax along the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.operators.broadcast import broadcast
from tinyml_core.graph.operators.window import IDENTITY, Activation
from tinyml_core.graph.tensor import Tensor


@dataclass(frozen=True)
class Add(Operator):
    """Sum of two tensors, broadcast."""

    kind: ClassVar[str] = "add"
    arity: ClassVar[tuple[int, int]] = (2, 2)
    activation: Activation = IDENTITY

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The broadcast shape, the inputs' type."""
        left, right = inputs
        require(left.dtype == right.dtype, f"types {left.dtype.value} and {right.dtype.value} differ")
        return (TensorType(broadcast(left.shape, right.shape), left.dtype),)


@dataclass(frozen=True)
class Clamp(Operator):
    """Limit to ``activation``; quantised, it also moves from the input's to the output's scale."""

    kind: ClassVar[str] = "clamp"
    activation: Activation = IDENTITY

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape and type."""
        return (TensorType(inputs[0].shape, inputs[0].dtype),)


@dataclass(frozen=True)
class Softmax(Operator):
    """``exp(beta * x)`` normalised along the last axis; int8 outputs have scale 1/256 and zero point -128."""

    kind: ClassVar[str] = "softmax"
    beta: float = 1.0

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape and type."""
        require(len(inputs[0].shape) >= 1, "a scalar has no last axis")
        return (TensorType(inputs[0].shape, inputs[0].dtype),)
