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
from tinyml_core.arithmetic.lowering.arrangement import lower_arrangement
from tinyml_core.arithmetic.lowering.binary import BinaryLowering, lower_binary
from tinyml_core.arithmetic.lowering.crossing import (
    DequantizeLowering,
    QuantizeLowering,
    RescaleLowering,
    lower_clamp,
    lower_dequantize,
    lower_quantize,
)
from tinyml_core.arithmetic.lowering.linear import LinearLowering, lower_linear
from tinyml_core.arithmetic.lowering.matmul import MatMulLowering, lower_matmul
from tinyml_core.arithmetic.lowering.movement import MoveLowering, lower_move, lower_select
from tinyml_core.arithmetic.lowering.normalisation import (
    L2NormLowering,
    LogSoftmaxLowering,
    lower_l2_norm,
    lower_log_softmax,
)
from tinyml_core.arithmetic.lowering.pooling import MeanLowering, PoolLowering, lower_mean, lower_pool
from tinyml_core.arithmetic.lowering.recurrent import LSTMLowering, lower_lstm
from tinyml_core.arithmetic.lowering.reduction import lower_arg_reduce, lower_reduce
from tinyml_core.arithmetic.lowering.requantisation import Requantisation, activation_limits, place_of
from tinyml_core.arithmetic.lowering.resize import ResizeLowering, lower_resize
from tinyml_core.arithmetic.lowering.softmax import Int16SoftmaxLowering, SoftmaxLowering, lower_softmax
from tinyml_core.arithmetic.lowering.unary import TableLowering, lower_unary
from tinyml_core.arithmetic.lowering.unary_int16 import RampLowering, SigmoidLowering
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    LSTM,
    Add,
    ArgReduce,
    AveragePool2D,
    Binary,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    Expand,
    FullyConnected,
    Gather,
    L2Norm,
    LogSoftmax,
    MatMul,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reduce,
    Reshape,
    Resize,
    Select,
    Slice,
    Softmax,
    Split,
    Tile,
    Transpose,
    TransposeConv2D,
    Unary,
)

Lowering = (
    LinearLowering
    | BinaryLowering
    | TableLowering
    | PoolLowering
    | MeanLowering
    | SigmoidLowering
    | RampLowering
    | SoftmaxLowering
    | Int16SoftmaxLowering
    | LogSoftmaxLowering
    | L2NormLowering
    | RescaleLowering
    | QuantizeLowering
    | DequantizeLowering
    | MoveLowering
    | MatMulLowering
    | ResizeLowering
    | LSTMLowering
)

LOWERINGS: dict[type[Operator], Callable[[Node, Graph], Lowering]] = {
    Add: lower_add,
    ArgReduce: lower_arg_reduce,
    AveragePool2D: lower_pool,
    Binary: lower_binary,
    Clamp: lower_clamp,
    Concat: lower_arrangement,
    Conv2D: lower_linear,
    DepthwiseConv2D: lower_linear,
    Dequantize: lower_dequantize,
    Expand: lower_arrangement,
    FullyConnected: lower_linear,
    Gather: lower_arrangement,
    L2Norm: lower_l2_norm,
    LSTM: lower_lstm,
    LogSoftmax: lower_log_softmax,
    MatMul: lower_matmul,
    MaxPool2D: lower_pool,
    Mean: lower_mean,
    Pad: lower_move,
    Quantize: lower_quantize,
    Reduce: lower_reduce,
    Reshape: lower_move,
    Resize: lower_resize,
    Select: lower_select,
    Slice: lower_arrangement,
    Softmax: lower_softmax,
    Split: lower_arrangement,
    Tile: lower_arrangement,
    Transpose: lower_arrangement,
    TransposeConv2D: lower_linear,
    Unary: lower_unary,
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
    "LOWERINGS",
    "AddLowering",
    "BinaryLowering",
    "DequantizeLowering",
    "Int16SoftmaxLowering",
    "L2NormLowering",
    "LSTMLowering",
    "LinearLowering",
    "LogSoftmaxLowering",
    "Lowering",
    "MatMulLowering",
    "MeanLowering",
    "MoveLowering",
    "PoolLowering",
    "QuantizeLowering",
    "RampLowering",
    "Requantisation",
    "RescaleLowering",
    "ResizeLowering",
    "SigmoidLowering",
    "SingleRoundingAdd",
    "SoftmaxLowering",
    "TableLowering",
    "TfliteAdd",
    "activation_limits",
    "lower",
    "lower_add",
    "lower_arg_reduce",
    "lower_arrangement",
    "lower_binary",
    "lower_clamp",
    "lower_dequantize",
    "lower_l2_norm",
    "lower_linear",
    "lower_log_softmax",
    "lower_lstm",
    "lower_matmul",
    "lower_mean",
    "lower_move",
    "lower_pool",
    "lower_quantize",
    "lower_reduce",
    "lower_resize",
    "lower_select",
    "lower_softmax",
    "lower_unary",
    "place_of",
]  # fmt: skip
