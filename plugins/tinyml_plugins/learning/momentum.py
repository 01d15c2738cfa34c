"""Gradient descent with momentum (Polyak's heavy ball), for those who have the memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_core.api.optimizer import Parameter, State
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Add, Binary
from tinyml_core.graph.tensor import DType
from tinyml_plugins.learning.descent import descended
from tinyml_plugins.learning.rounding import Rounding
from tinyml_plugins.learning.scaling import Scaling


@dataclass(frozen=True, kw_only=True)
class Momentum:
    """``v = momentum * v + gradient``, then ``p - rate * v / scale ** 2``; 4 bytes of state per number."""

    momentum: float = 0.9
    """What stays of the velocity at each step."""
    scaling: Scaling = "qas"
    """Whether steps are those of the float network (``qas``) or of the stored integers (``none``)."""
    rounding: Rounding = "stochastic"
    """How integers take a fraction of a step."""

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}, it must be at least 0 and below 1")

    def state(self, parameter: Parameter) -> tuple[State, ...]:
        """The velocity, in the gradient's unit."""
        return (State(f"{parameter.name}.velocity", parameter.shape, DType.FLOAT32, 0.0),)

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
        """Append the rule; see :class:`~tinyml_core.api.optimizer.TrainingOptimizer`."""
        (velocity,) = state
        decay = builder.constant(f"{velocity}.decay", np.array([self.momentum], np.float32))
        kept = builder.node(Binary("multiply"), [velocity, decay], name=f"{velocity}.kept")
        moved = builder.node(Add(), [kept, gradient], name=f"{velocity}.new")
        return descended(builder, parameter, value, moved, rate, seed, self.scaling, self.rounding), moved
