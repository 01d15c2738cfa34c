"""The table: which kernels carry out which operator. Whatever stands here is offered to the planner."""

from __future__ import annotations

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
from tinyml_plugins.tinyengine.kernel import LayerKernel
from tinyml_plugins.tinyengine.kernels import convolution, dense, depthwise, elementwise, movement, pooling

KERNELS: dict[type[Operator], tuple[LayerKernel, ...]] = {
    Add: (elementwise.Add(),),
    AveragePool2D: (pooling.Pool(),),
    Clamp: (elementwise.Lookup(),),
    Conv2D: (convolution.ConvolutionColumns(), convolution.ConvolutionDirect()),
    DepthwiseConv2D: (depthwise.DepthwiseRowPairs(), depthwise.DepthwisePlane()),
    Dequantize: (elementwise.Dequantize(),),
    FullyConnected: (dense.DensePairs(), dense.DenseDirect()),
    MaxPool2D: (pooling.Pool(),),
    Mean: (pooling.MeanLoops(),),
    Pad: (movement.Pad(),),
    Quantize: (elementwise.Quantize(), elementwise.Lookup()),
    Reshape: (movement.Reshape(),),
    Softmax: (elementwise.Softmax(),),
}


def kernel_of(op: Operator, name: str) -> LayerKernel:
    """The kernel of an operator that its schedules call ``name``; raises KeyError when there is none."""
    for kernel in KERNELS[type(op)]:
        if kernel.name == name:
            return kernel
    raise KeyError(name)
