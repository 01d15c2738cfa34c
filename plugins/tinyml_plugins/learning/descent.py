"""One step down a direction: what the rules without a denominator share."""

from __future__ import annotations

from tinyml_core.api.optimizer import Parameter
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Binary
from tinyml_plugins.learning.rounding import Rounding, subtracted
from tinyml_plugins.learning.scaling import Scaling, factors, scaled


def descended(
    builder: GraphBuilder,
    parameter: Parameter,
    value: str,
    direction: str,
    rate: str,
    seed: str,
    scaling: Scaling,
    rounding: Rounding,
) -> str:
    """Append ``value - (rate * factors) * direction`` and return the handle of the new value.

    The rate meets the factors first, so that each element costs one multiplication and nothing wide is kept.
    """
    size = scaled(builder, f"{parameter.name}.rate", rate, factors(parameter, scaling, 2))
    step = builder.node(Binary("multiply"), [direction, size], name=f"{parameter.name}.step")
    return subtracted(builder, parameter, value, step, seed, rounding)
