"""Normalisations: over batches (folded into the layer before it), over a row, and to unit length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.operators.window import IDENTITY, Activation
from tinyml_core.graph.tensor import DType, Tensor


@dataclass(frozen=True)
class BatchNorm(Operator):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` along the last axis, then ``activation``.

    Inputs are (x, gamma, beta, mean, variance), the last four of shape [channels].
    """

    kind: ClassVar[str] = "batch_norm"
    arity: ClassVar[tuple[int, int]] = (5, 5)
    epsilon: float = 1e-5
    activation: Activation = IDENTITY

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The first input's shape and type."""
        require(inputs[0].dtype is DType.FLOAT32, "batch normalisation is for float graphs")
        require(
            all(tensor.shape == inputs[0].shape[-1:] for tensor in inputs[1:]),
            f"parameters must have shape {inputs[0].shape[-1:]}",
        )
        return (TensorType(inputs[0].shape, inputs[0].dtype),)


@dataclass(frozen=True)
class LayerNorm(Operator):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` over all axes from ``axis`` on.

    Inputs are (x, gamma, beta), the parameters of the shape of those axes; beta may be left out.
    """

    kind: ClassVar[str] = "layer_norm"
    arity: ClassVar[tuple[int, int]] = (2, 3)
    axis: int = -1
    epsilon: float = 1e-5

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The first input's shape and type."""
        shape = inputs[0].shape
        require(-len(shape) <= self.axis < len(shape), f"axis {self.axis} does not suit shape {shape}")
        require(
            all(tensor.shape == shape[self.axis :] for tensor in inputs[1:]),
            f"parameters must have shape {shape[self.axis :]}",
        )
        return (TensorType(shape, inputs[0].dtype),)


@dataclass(frozen=True)
class L2Norm(Operator):
    """``x / sqrt(max(sum(x * x), epsilon))`` along the last axis; int8 outputs have scale 1/128 and zero point 0."""

    kind: ClassVar[str] = "l2_norm"
    epsilon: float = 1e-6

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape and type."""
        require(len(inputs[0].shape) >= 1, "a scalar has no last axis")
        return (TensorType(inputs[0].shape, inputs[0].dtype),)


@dataclass(frozen=True)
class LogSoftmax(Operator):
    """Logarithm of the softmax along the last axis."""

    kind: ClassVar[str] = "log_softmax"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape and type."""
        require(len(inputs[0].shape) >= 1, "a scalar has no last axis")
        return (TensorType(inputs[0].shape, inputs[0].dtype),)
