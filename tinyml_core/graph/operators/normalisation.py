"""Batch normalisation, which exists in float graphs until it is folded into the layer before it."""

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
