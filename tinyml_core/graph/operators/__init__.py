"""The operators of the graph; :data:`OPERATORS` finds one by the name it has in saved graphs and tables."""

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators.convolution import Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.operators.elementwise import Add, Clamp, Softmax
from tinyml_core.graph.operators.movement import Pad, Reshape
from tinyml_core.graph.operators.normalisation import BatchNorm
from tinyml_core.graph.operators.pooling import AveragePool2D, MaxPool2D, Mean
from tinyml_core.graph.operators.quantise import Dequantize, Quantize
from tinyml_core.graph.operators.window import IDENTITY, RELU, RELU6, Activation

OPERATORS: dict[str, type[Operator]] = {
    op.kind: op
    for op in (
        Add, AveragePool2D, BatchNorm, Clamp, Conv2D, DepthwiseConv2D, Dequantize, FullyConnected,
        MaxPool2D, Mean, Pad, Quantize, Reshape, Softmax,
    )
}  # fmt: skip

__all__ = [
    "IDENTITY", "OPERATORS", "RELU", "RELU6", "Activation", "Add", "AveragePool2D", "BatchNorm", "Clamp", "Conv2D",
    "DepthwiseConv2D", "Dequantize", "FullyConnected", "MaxPool2D", "Mean", "Pad", "Quantize", "Reshape", "Softmax",
]  # fmt: skip
