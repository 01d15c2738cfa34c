"""The operators of the graph; :data:`OPERATORS` finds one by the name it has in saved graphs and tables."""

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators.arrangement import Concat, Expand, Gather, Resize, Slice, Split, Tile, Transpose
from tinyml_core.graph.operators.convolution import Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.operators.elementwise import Add, Clamp, Softmax
from tinyml_core.graph.operators.gradients import (
    BiasGradient,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    MaskedScale,
    MaxPoolGradient,
    SaturationMask,
)
from tinyml_core.graph.operators.matrix import MatMul, TransposeConv2D
from tinyml_core.graph.operators.movement import Pad, Reshape
from tinyml_core.graph.operators.normalisation import BatchNorm, L2Norm, LayerNorm, LogSoftmax
from tinyml_core.graph.operators.pointwise import Binary, Cast, Select, Unary
from tinyml_core.graph.operators.pooling import AveragePool2D, MaxPool2D, Mean
from tinyml_core.graph.operators.quantise import Dequantize, Quantize
from tinyml_core.graph.operators.recurrent import GRU, LSTM, RNN
from tinyml_core.graph.operators.reduction import ArgReduce, Reduce
from tinyml_core.graph.operators.updates import MergeChannels, SaturatingSubtract, StochasticRound
from tinyml_core.graph.operators.window import IDENTITY, RELU, RELU6, Activation

OPERATORS: dict[str, type[Operator]] = {
    op.kind: op
    for op in (
        Add, ArgReduce, AveragePool2D, BatchNorm, BiasGradient, Binary, Cast, Clamp, Concat, Conv2D,
        Conv2DInputGradient, Conv2DWeightGradient, DepthwiseConv2D, DepthwiseInputGradient,
        DepthwiseWeightGradient, Dequantize, Expand, FullyConnected, Gather, GRU, L2Norm, LSTM, LayerNorm,
        LogSoftmax, MaskedScale, MatMul, MaxPool2D, MaxPoolGradient, Mean, MergeChannels, Pad, Quantize, RNN,
        Reduce, Reshape, Resize, SaturatingSubtract, SaturationMask, Select, Slice, Softmax, Split,
        StochasticRound, Tile, Transpose, TransposeConv2D, Unary,
    )
}  # fmt: skip

__all__ = [
    "GRU", "IDENTITY", "LSTM", "OPERATORS", "RELU", "RELU6", "RNN", "Activation", "Add", "ArgReduce",
    "AveragePool2D", "BatchNorm", "BiasGradient", "Binary", "Cast", "Clamp", "Concat", "Conv2D",
    "Conv2DInputGradient", "Conv2DWeightGradient", "DepthwiseConv2D", "DepthwiseInputGradient",
    "DepthwiseWeightGradient", "Dequantize", "Expand", "FullyConnected", "Gather", "L2Norm", "LayerNorm",
    "LogSoftmax", "MaskedScale", "MatMul", "MaxPool2D", "MaxPoolGradient", "Mean", "MergeChannels", "Pad",
    "Quantize", "Reduce", "Reshape", "Resize", "SaturatingSubtract", "SaturationMask", "Select", "Slice",
    "Softmax", "Split", "StochasticRound", "Tile", "Transpose", "TransposeConv2D", "Unary",
]  # fmt: skip
