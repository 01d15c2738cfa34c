"""The table: which kernels carry out which operator. Whatever stands here is offered to the planner."""

from __future__ import annotations

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    ArgReduce,
    AveragePool2D,
    BatchNorm,
    Binary,
    Cast,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    Expand,
    FullyConnected,
    Gather,
    L2Norm,
    LayerNorm,
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
from tinyml_plugins.tinyengine.kernel import LayerKernel
from tinyml_plugins.tinyengine.kernels import (
    convolution,
    copying,
    dense,
    depthwise,
    elementwise,
    float_layers,
    float_pooling,
    gathering,
    joining,
    matrix,
    movement,
    pointwise,
    pooling,
    quantised_pointwise,
    quantised_rows,
    reduction,
    resizing,
)

KERNELS: dict[type[Operator], tuple[LayerKernel, ...]] = {
    Add: (quantised_pointwise.QuantisedAdd(), pointwise.Pointwise()),
    ArgReduce: (quantised_rows.QuantisedArgReduce(), reduction.Reduction()),
    AveragePool2D: (pooling.Pool(), float_pooling.FloatPool()),
    BatchNorm: (float_layers.FloatBatchNorm(), float_layers.FloatBatchNormComputed()),
    Binary: (quantised_pointwise.QuantisedBinary(), pointwise.Pointwise()),
    Cast: (pointwise.Pointwise(),),
    Clamp: (elementwise.Lookup(), pointwise.Pointwise()),
    Concat: (joining.Joining(),),
    Conv2D: (convolution.ConvolutionColumns(), convolution.ConvolutionDirect(), float_layers.FloatConvolution()),
    DepthwiseConv2D: (depthwise.DepthwiseRowPairs(), depthwise.DepthwisePlane(), float_layers.FloatDepthwise()),
    Dequantize: (elementwise.Dequantize(),),
    Expand: (copying.Copying(),),
    FullyConnected: (dense.DensePairs(), dense.DenseDirect(), float_layers.FloatDense()),
    Gather: (copying.Copying(), gathering.Gathering()),
    L2Norm: (quantised_rows.QuantisedL2Norm(), reduction.RowNormalisation()),
    LayerNorm: (reduction.RowNormalisation(),),
    LogSoftmax: (quantised_rows.QuantisedLogSoftmax(), reduction.RowNormalisation()),
    MatMul: (matrix.MatrixProduct(),),
    MaxPool2D: (pooling.Pool(), float_pooling.FloatPool()),
    Mean: (pooling.MeanLoops(), reduction.Reduction()),
    Pad: (movement.Pad(), copying.Copying()),
    Quantize: (elementwise.Quantize(), elementwise.Lookup()),
    Reduce: (pooling.MeanLoops(), reduction.Reduction()),
    Reshape: (movement.Reshape(),),
    Resize: (copying.Copying(), resizing.Bilinear()),
    Select: (quantised_pointwise.QuantisedSelect(), pointwise.Pointwise()),
    Slice: (copying.Copying(),),
    Softmax: (elementwise.Softmax(), reduction.RowNormalisation()),
    Split: (joining.Joining(),),
    Tile: (copying.Copying(),),
    Transpose: (copying.Copying(),),
    TransposeConv2D: (matrix.TransposedConvolution(),),
    Unary: (elementwise.Lookup(), pointwise.Pointwise()),
}


def kernel_of(op: Operator, name: str) -> LayerKernel:
    """The kernel of an operator that its schedules call ``name``; raises KeyError when there is none."""
    for kernel in KERNELS[type(op)]:
        if kernel.name == name:
            return kernel
    raise KeyError(name)
