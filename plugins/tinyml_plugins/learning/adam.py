"""Adam (Kingma and Ba, ICLR 2015), in the paper's second form: both bias corrections are part of the rate.

``m`` and ``v`` follow the gradient with respect to the real number, ``dL/dW / s``; the step, a real number too, becomes
integers when it is divided by ``s`` again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_core.api.optimizer import Parameter, State
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Add, Binary, Unary
from tinyml_core.graph.tensor import DType
from tinyml_plugins.learning.rounding import Rounding, subtracted
from tinyml_plugins.learning.scaling import Scaling, factors, scaled


@dataclass(frozen=True, kw_only=True)
class Adam:
    """``p - rate_t * m / (sqrt(v) + epsilon) / scale``; 8 bytes of state per number and 8 per tensor."""

    beta1: float = 0.9
    """What stays of the mean of gradients at each step."""
    beta2: float = 0.999
    """What stays of the mean of their squares."""
    epsilon: float = 1e-8
    """What keeps the denominator from zero."""
    scaling: Scaling = "qas"
    """Whether steps are those of the float network (``qas``) or of the stored integers (``none``)."""
    rounding: Rounding = "stochastic"
    """How integers take a fraction of a step."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, value in (("beta1", self.beta1), ("beta2", self.beta2)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} is {value}, it must be at least 0 and below 1")
        if not self.epsilon >= np.finfo(np.float32).tiny:
            raise ValueError(f"epsilon is {self.epsilon}, it must be a positive float32 number")

    def state(self, parameter: Parameter) -> tuple[State, ...]:
        """Both means, and the powers of both betas that correct their start."""
        name = parameter.name
        return (
            State(f"{name}.mean", parameter.shape, DType.FLOAT32, 0.0),
            State(f"{name}.square", parameter.shape, DType.FLOAT32, 0.0),
            State(f"{name}.mean_power", (1,), DType.FLOAT32, 1.0),
            State(f"{name}.square_power", (1,), DType.FLOAT32, 1.0),
        )

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
        terms = _Terms(builder, parameter.name)
        mean, square, mean_power, square_power = state
        unit = factors(parameter, self.scaling, 1)
        real = scaled(builder, f"{parameter.name}.real", gradient, unit)
        keep1, keep2 = terms.number("beta1", self.beta1), terms.number("beta2", self.beta2)
        take1, take2 = terms.number("take1", 1 - self.beta1), terms.number("take2", 1 - self.beta2)
        one = terms.number("one", 1.0)

        mean = terms.sum(f"{mean}.new", terms.product("mean_kept", mean, keep1), terms.product("taken", real, take1))
        squared = terms.product("square_taken", terms.product("squared", real, real), take2)
        square = terms.sum(f"{square}.new", terms.product("square_kept", square, keep2), squared)
        mean_power = builder.node(Binary("multiply"), [mean_power, keep1], name=f"{mean_power}.new")
        square_power = builder.node(Binary("multiply"), [square_power, keep2], name=f"{square_power}.new")

        start = terms.root("start", terms.binary("subtract", "square_start", one, square_power))
        rated = terms.product("rated", rate, start)
        corrected = terms.binary("divide", "corrected", rated, terms.binary("subtract", "mean_start", one, mean_power))
        size = scaled(builder, f"{parameter.name}.rate", corrected, unit)
        bottom = terms.sum(
            f"{parameter.name}.bottom", terms.root("spread", square), terms.number("epsilon", self.epsilon)
        )
        step = terms.product("step", terms.binary("divide", "direction", mean, bottom), size)
        new = subtracted(builder, parameter, value, step, seed, self.rounding)
        return new, mean, square, mean_power, square_power


@dataclass(frozen=True)
class _Terms:
    """Formulae over handles; every intermediate result is named after the parameter."""

    builder: GraphBuilder
    prefix: str

    def number(self, name: str, value: float) -> str:
        return self.builder.constant(f"{self.prefix}.{name}", np.array([value], np.float32))

    def binary(self, function: str, name: str, left: str, right: str) -> str:
        return self.builder.node(Binary(function), [left, right], name=f"{self.prefix}.{name}")

    def product(self, name: str, left: str, right: str) -> str:
        return self.binary("multiply", name, left, right)

    def root(self, name: str, of: str) -> str:
        return self.builder.node(Unary("sqrt"), [of], name=f"{self.prefix}.{name}")

    def sum(self, name: str, left: str, right: str) -> str:
        return self.builder.node(Add(), [left, right], name=name)
