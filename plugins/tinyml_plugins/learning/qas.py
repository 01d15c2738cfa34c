"""Quantisation-aware scaling: gradient descent whose steps are those of the float network.

Integer weights learn with ``dL/dW / s_w ** 2``, biases with ``dL/dB / (s_w * s_x) ** 2``. Source: On-Device Training
Under 256KB Memory (Lin et al. 2022), section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.optimizer import Parameter, State
from tinyml_core.graph.builder import GraphBuilder
from tinyml_plugins.learning.descent import descended
from tinyml_plugins.learning.rounding import Rounding


@dataclass(frozen=True, kw_only=True)
class Qas:
    """``p - rate * gradient / scale ** 2``; no state."""

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
        return (descended(builder, parameter, value, gradient, rate, seed, "qas", self.rounding),)
