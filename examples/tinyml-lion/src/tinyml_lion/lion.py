"""Lion: every number moves by the same real step, in the direction that most gradients had lately.

Source: Symbolic Discovery of Optimization Algorithms (Chen et al., NeurIPS 2023, arXiv 2302.06675), here with a
momentum of the gradients' *signs*: it lies in [-1, 1] whatever the size of a gradient, so that a byte holds it::

    c = beta1 * m + (1 - beta1) * sign(g);  w -= rate * sign(c);  m = beta2 * m + (1 - beta2) * sign(g)

A direction has no unit: the scales of an int8 network, for which other rules need quantisation-aware scaling, matter
only where the real step becomes integers. Both roundings are stochastic, so that a step of a tenth of an integer is
taken one time in ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.api.optimizer import DEAD_SCALE, Parameter, State
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Add, Binary, Dequantize, SaturatingSubtract, StochasticRound, Unary
from tinyml_core.graph.tensor import DType

WHOLE = 127.0
"""The stored momentum of a number whose gradients always had one sign."""
_OTHER_STREAMS = 1 << 30
"""Added to a parameter's stream: its momentum has random numbers of its own."""


@dataclass(frozen=True, kw_only=True)
class Lion:
    """``p - rate * sign(c) / scale``; 1 byte of state per number."""

    beta1: float = 0.9
    """What the past counts for in the direction of a step."""
    beta2: float = 0.99
    """What stays of the past at each step."""

    def __post_init__(self) -> None:
        for name, value in (("beta1", self.beta1), ("beta2", self.beta2)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} is {value}, it must be at least 0 and below 1")

    def state(self, parameter: Parameter) -> tuple[State, ...]:
        """The momentum, in 127ths."""
        return (State(f"{parameter.name}.momentum", parameter.shape, DType.INT8, 0.0),)

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
        (momentum,) = state
        rule = _Rule(builder, parameter.name)
        past = builder.node(Dequantize(), [momentum], name=f"{momentum}.real")
        sign = builder.node(Unary("sign"), [gradient], name=f"{parameter.name}.sign")
        kept = rule.product("kept", past, rule.number("beta1", self.beta1))
        new = rule.product("taken", sign, rule.number("rest", (1 - self.beta1) * WHOLE))
        both = builder.node(Add(), [kept, new], name=f"{parameter.name}.both")
        direction = builder.node(Unary("sign"), [both], name=f"{parameter.name}.direction")
        size = rate if (by := _integers(parameter)) is None else rule.product("size", rate, rule.constant("unit", by))
        step = rule.product("step", direction, size)

        behind = rule.binary("subtract", "behind", past, rule.product("whole", sign, rule.number("top", WHOLE)))
        drift = rule.product("drift", behind, rule.number("leave", 1 - self.beta2))
        change = builder.node(
            StochasticRound(stream=parameter.stream + _OTHER_STREAMS), [drift, seed], name=f"{momentum}.change"
        )
        moved = builder.node(
            SaturatingSubtract(), [momentum, change], name=f"{momentum}.new",
            quantization=builder.tensor(momentum).quantization,
        )  # fmt: skip
        return rule.subtracted(parameter, value, step, seed), moved


def _integers(parameter: Parameter) -> npt.NDArray[np.float32] | None:
    """How many stored integers a real step of 1 is, broadcast over the parameter; 0 for dead channels."""
    if parameter.scale is None:
        return None
    weights = np.asarray(parameter.scale, np.float64)
    alive = weights >= DEAD_SCALE
    unit = np.where(alive, weights, 1.0) * (parameter.input_scale if parameter.role == "bias" else 1.0)
    shape = [1] * len(parameter.shape)
    shape[parameter.axis] = len(weights)
    return np.where(alive, 1 / unit, 0.0).astype(np.float32).reshape(shape)


@dataclass(frozen=True)
class _Rule:
    """Formulae over handles; every intermediate result is named after the parameter."""

    builder: GraphBuilder
    prefix: str

    def constant(self, name: str, values: npt.NDArray[np.float32]) -> str:
        return self.builder.constant(f"{self.prefix}.{name}", values)

    def number(self, name: str, value: float) -> str:
        return self.constant(name, np.array([value], np.float32))

    def binary(self, function: str, name: str, left: str, right: str) -> str:
        return self.builder.node(Binary(function), [left, right], name=f"{self.prefix}.{name}")

    def product(self, name: str, left: str, right: str) -> str:
        return self.binary("multiply", name, left, right)

    def subtracted(self, parameter: Parameter, value: str, step: str, seed: str) -> str:
        """``value - step``, rounded and saturated where the parameter is an integer."""
        if parameter.scale is None:
            return self.binary("subtract", "new", value, step)
        whole = self.builder.node(StochasticRound(stream=parameter.stream), [step, seed], name=f"{self.prefix}.change")
        quantization = self.builder.tensor(value).quantization
        return self.builder.node(
            SaturatingSubtract(), [value, whole], name=f"{self.prefix}.new", quantization=quantization
        )
