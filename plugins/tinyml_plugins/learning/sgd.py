"""Gradient descent on the stored integers, without a scale: the baseline that quantisation-aware scaling repairs.

An int8 weight moves by ``rate * dL/dW``, which is ``s_w ** 2`` times what the same step does to a float network; at
rates that suit the float head it hardly ever moves.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.optimizer import Parameter, State
from tinyml_core.graph.builder import GraphBuilder
from tinyml_plugins.learning.descent import descended
from tinyml_plugins.learning.rounding import Rounding


@dataclass(frozen=True, kw_only=True)
class Sgd:
    """``p - rate * gradient``; no state."""

    rounding: Rounding = "stochastic"
    """How integers take a fraction of a step."""

    def state(self, parameter: Parameter) -> tuple[State, ...]:
        """None."""
        return ()

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
        return (descended(builder, parameter, value, gradient, rate, seed, "none", self.rounding),)
