"""How a real step changes a stored number.

Steps are mostly far below one integer, so what a rule does with fractions decides what is learnt: stochastic rounding
keeps their mean, rounding to nearest drops those below one half. Both are symmetric around zero.
"""

from __future__ import annotations

from typing import Literal

from tinyml_core.api.optimizer import Parameter
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Binary, Cast, SaturatingSubtract, StochasticRound, Unary

Rounding = Literal["stochastic", "nearest"]


def subtracted(
    builder: GraphBuilder, parameter: Parameter, value: str, step: str, seed: str, rounding: Rounding
) -> str:
    """Append ``value - step``, rounded and saturated where the parameter is an integer, and return its handle.

    Args:
        builder: where the operators go.
        parameter: what changes.
        value: handle of its present value.
        step: handle of the change, float32 of the same shape.
        seed: handle of the step's number, int32 [1].
        rounding: ``nearest`` takes halves to even.
    """
    name = f"{parameter.name}.new"
    if parameter.scale is None:
        return builder.node(Binary("subtract"), [value, step], name=name)
    whole = f"{parameter.name}.change"
    if rounding == "stochastic":
        change = builder.node(StochasticRound(stream=parameter.stream), [step, seed], name=whole)
    else:
        nearest = builder.node(Unary("round"), [step], name=f"{parameter.name}.nearest")
        change = builder.node(Cast("int32"), [nearest], name=whole)
    quantization = builder.tensor(value).quantization
    return builder.node(SaturatingSubtract(), [value, change], name=name, quantization=quantization)
