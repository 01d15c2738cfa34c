"""Rules of differentiation: what each operator does with the gradient of its output, keyed by the operator's class."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    Binary,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    Expand,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reshape,
    Slice,
    Split,
    Transpose,
    Unary,
)
from tinyml_core.training.autodiff import Rule
from tinyml_core.training.rules import functions, linear, movement, pointwise, pooling

RULES: Mapping[type[Operator], Rule] = {
    Add: pointwise.add,
    AveragePool2D: pooling.average_pool,
    Binary: pointwise.binary,
    Clamp: pointwise.rescale,
    Concat: movement.concat,
    Conv2D: linear.convolution,
    DepthwiseConv2D: linear.depthwise,
    Dequantize: pointwise.dequantize,
    Expand: movement.expand,
    FullyConnected: linear.dense,
    MaxPool2D: pooling.max_pool,
    Mean: pooling.mean,
    Pad: movement.pad,
    Quantize: pointwise.quantize,
    Reshape: movement.reshape,
    Slice: movement.slice_,
    Split: movement.split,
    Transpose: movement.transpose,
    Unary: functions.unary,
}

__all__ = ["RULES"]
