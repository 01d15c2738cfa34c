"""Crossings between real numbers and integers, and between one quantisation and another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.tensor import DType, Tensor


@dataclass(frozen=True)
class Quantize(Operator):
    """float32 to integers, or integers to another scale (a requantisation); the output's quantisation says how."""

    kind: ClassVar[str] = "quantize"
    dtype: str = "int8"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape in ``dtype``."""
        require(self.dtype in [dtype.value for dtype in DType], f"type {self.dtype!r} is unknown")
        return (TensorType(inputs[0].shape, DType(self.dtype)),)


@dataclass(frozen=True)
class Dequantize(Operator):
    """Integers to the float32 values they stand for."""

    kind: ClassVar[str] = "dequantize"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """The input's shape in float32."""
        require(inputs[0].dtype.is_integer, f"input is {inputs[0].dtype.value}, not an integer type")
        return (TensorType(inputs[0].shape, DType.FLOAT32),)
