"""Lowering: from a quantised node to the integers that its kernel needs.

:func:`lower` is the one place where scales become multipliers and activations become clamps. The reference executor and
the code generators both start from what it returns, so they cannot disagree about a constant. Float operators need no
lowering, except those that cross between float and integers.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyml_core.arithmetic.lowering.add import (
    AddLowering,
    SingleRoundingAdd,
    TfliteAdd,
    lower_add,
)
from tinyml_core.arithmetic.lowering.crossing import (
    DequantizeLowering,
    QuantizeLowering,
    RescaleLowering,
    lower_clamp,
    lower_dequantize,
    lower_quantize,
)
from tinyml_core.arithmetic.lowering.linear import LinearLowering, lower_linear
from tinyml_core.arithmetic.lowering.movement import MoveLowering, lower_move
from tinyml_core.arithmetic.lowering.pooling import MeanLowering, PoolLowering, lower_mean, lower_pool
from tinyml_core.arithmetic.lowering.requantisation import Requantisation, activation_limits, place_of
from tinyml_core.arithmetic.lowering.softmax import SoftmaxLowering, lower_softmax
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reshape,
    Softmax,
)

Lowering = (
    LinearLowering
    | TfliteAdd
    | SingleRoundingAdd
    | PoolLowering
    | MeanLowering
    | SoftmaxLowering
    | RescaleLowering
    | QuantizeLowering
    | DequantizeLowering
    | MoveLowering
)

LOWERINGS: dict[type[Operator], Callable[[Node, Graph], Lowering]] = {
    Add: lower_add,
    AveragePool2D: lower_pool,
    Clamp: lower_clamp,
    Conv2D: lower_linear,
    DepthwiseConv2D: lower_linear,
    Dequantize: lower_dequantize,
    FullyConnected: lower_linear,
    MaxPool2D: lower_pool,
    Mean: lower_mean,
    Pad: lower_move,
    Quantize: lower_quantize,
    Reshape: lower_move,
    Softmax: lower_softmax,
}


def lower(node: Node, graph: Graph) -> Lowering:
    """The integers of a quantised node.

    Raises:
        UnsupportedError: no integer arithmetic is defined for this operator and these types; names node and operator.
    """
    lowering = LOWERINGS.get(type(node.op))
    if lowering is None:
        raise UnsupportedError("no integer arithmetic is defined for this operator", place=place_of(node))
    return lowering(node, graph)


__all__ = [
    "LOWERINGS", "AddLowering", "DequantizeLowering", "LinearLowering", "Lowering", "MeanLowering", "MoveLowering",
    "PoolLowering", "QuantizeLowering", "Requantisation", "RescaleLowering", "SingleRoundingAdd", "SoftmaxLowering",
    "TfliteAdd", "activation_limits", "lower", "lower_add", "lower_clamp", "lower_dequantize", "lower_linear",
    "lower_mean", "lower_move", "lower_pool", "lower_quantize", "lower_softmax", "place_of",
]  # fmt: skip
