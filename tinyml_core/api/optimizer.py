"""Training optimizers: update rules for learning on the device.

A rule is written as operators of the graph, so that the reference executor and every code generator can carry it out.
Gradients are with respect to the stored numbers: the integers of an int8 weight or int32 bias, the float32 values of a
float head. Channels whose weight scale is below :data:`DEAD_SCALE` must not learn, whatever the rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.tensor import DType, Quantization

DEAD_SCALE = 1e-7
"""Weight scales below this belong to channels that always hold one value; their gradients mean nothing."""


@dataclass(frozen=True)
class Parameter:
    """What learns: a whole weight tensor, the learning channels of one, or a bias."""

    name: str
    role: Literal["weight", "bias"]
    shape: tuple[int, ...]
    dtype: DType
    """INT8 (weights), INT32 (biases), or FLOAT32 for the layers of a float head."""
    axis: int
    """Axis of ``shape`` along which the scales run: 0, or 3 for depthwise weights."""
    scale: tuple[float, ...] | None
    """Scales of the weights, one for each index along ``axis`` or a single one; of a bias, those of its layer's
    weights; None for float parameters."""
    input_scale: float
    """Scale of the layer's input; 1.0 for float parameters."""
    stream: int
    """Number of this parameter's own stream of random numbers."""


@dataclass(frozen=True)
class State:
    """A tensor that a rule keeps between steps."""

    name: str
    """Name of the variable: the parameter's name, a dot and what it holds."""
    shape: tuple[int, ...]
    dtype: DType
    initial: float
    """Value of every element before the first step."""

    @property
    def bytes(self) -> int:
        """Bytes in SRAM."""
        return math.prod(self.shape) * self.dtype.size

    @property
    def quantization(self) -> Quantization | None:
        """The variable's: integers of 8 or 16 bits have scale 1 and zero point 0, other types none."""
        return Quantization.per_tensor(1.0) if self.dtype in (DType.INT8, DType.UINT8, DType.INT16) else None


@runtime_checkable
class TrainingOptimizer(Protocol):
    """One update rule."""

    def state(self, parameter: Parameter) -> tuple[State, ...]:
        """Tensors to keep between steps for ``parameter``; their bytes count as SRAM."""
        ...

    def update(
        self,
        builder: GraphBuilder,
        parameter: Parameter,
        value: str,
        gradient: str,
        state: tuple[str, ...],
        rate: str,
        seed: str,
    ) -> tuple[str, ...]:
        """Append the update to ``builder`` and return the handles of the new value and of the new state, in order.

        Args:
            builder: where the operators go.
            parameter: what is updated.
            value: handle of its present value, of the parameter's shape and type.
            gradient: handle of its gradient, float32 of the same shape.
            state: handles of what :meth:`state` asked for.
            rate: handle of the learning rate, float32 [1].
            seed: handle of the step's number, int32 [1], from which random numbers are made.
        """
        ...
