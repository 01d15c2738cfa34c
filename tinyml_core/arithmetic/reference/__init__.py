"""Reference kernels: what every operator computes, in NumPy, by operator and type of its first input.

A preparer turns a node into a kernel once; the kernel is then called with the node's inputs, as often as wanted. None
keeps the graph alive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from tinyml_core.arithmetic.lowering import place_of
from tinyml_core.arithmetic.plain import INTEGERS
from tinyml_core.arithmetic.reference import (
    arrangement,
    floating,
    gradients,
    integer,
    linear,
    matrix,
    movement,
    pointwise,
    quantised_pointwise,
    quantised_rows,
    recurrent,
    reduction,
    updates,
)
from tinyml_core.arithmetic.reference.variables import with_variables
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    GRU,
    LSTM,
    RNN,
    Add,
    ArgReduce,
    AveragePool2D,
    BatchNorm,
    BiasGradient,
    Binary,
    Cast,
    Clamp,
    Concat,
    Conv2D,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseConv2D,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    Dequantize,
    Expand,
    FullyConnected,
    Gather,
    L2Norm,
    LayerNorm,
    LogSoftmax,
    MaskedScale,
    MatMul,
    MaxPool2D,
    MaxPoolGradient,
    Mean,
    MergeChannels,
    Pad,
    Quantize,
    Reduce,
    Reshape,
    Resize,
    SaturatingSubtract,
    SaturationMask,
    Select,
    Slice,
    Softmax,
    Split,
    StochasticRound,
    Tile,
    Transpose,
    TransposeConv2D,
    Unary,
)
from tinyml_core.graph.tensor import DType

Kernel = Callable[[Sequence[npt.NDArray[Any]]], npt.NDArray[Any]]
Preparer = Callable[[Node, Graph], Kernel]
Results = tuple[npt.NDArray[Any], ...]
SeveralPreparer = Callable[[Node, Graph], Callable[[Sequence[npt.NDArray[Any]]], Results]]

PREPARERS: dict[tuple[type[Operator], DType], Preparer] = {
    **{
        (operator, dtype): preparer
        for dtype in (DType.INT8, DType.INT16)
        for operator, preparer in (
            (Add, integer.add),
            (AveragePool2D, integer.average_pool),
            (Clamp, integer.rescale),
            (Conv2D, with_variables(linear.convolution)),
            (DepthwiseConv2D, with_variables(linear.depthwise)),
            (FullyConnected, with_variables(linear.dense)),
            (MaxPool2D, integer.max_pool),
            (Mean, integer.mean),
            (Softmax, integer.softmax),
            (Binary, quantised_pointwise.binary),
            (Reduce, quantised_rows.reduce),
            (Unary, quantised_pointwise.unary),
            (MatMul, matrix.matmul),
            (TransposeConv2D, matrix.transpose_convolution),
        )
    },
    (ArgReduce, DType.INT8): quantised_rows.arg_reduce,
    (L2Norm, DType.INT8): quantised_rows.l2_norm,
    (LogSoftmax, DType.INT8): quantised_rows.log_softmax,
    (Select, DType.BOOL): movement.select,
    (Quantize, DType.FLOAT32): integer.quantize,
    **{(Quantize, dtype): integer.rescale for dtype in (DType.INT8, DType.UINT8, DType.INT16)},
    **{(Dequantize, dtype): integer.dequantize for dtype in (DType.INT8, DType.UINT8, DType.INT16)},
    **{(Pad, dtype): movement.pad for dtype in DType},
    **{(Reshape, dtype): movement.reshape for dtype in DType},
    **{(Concat, dtype): arrangement.concat for dtype in DType},
    **{(Expand, dtype): arrangement.expand for dtype in DType},
    **{(Gather, dtype): arrangement.gather for dtype in DType},
    **{(Resize, dtype): arrangement.resize for dtype in DType},
    **{(Slice, dtype): arrangement.slice_ for dtype in DType},
    **{(Tile, dtype): arrangement.tile for dtype in DType},
    **{(Transpose, dtype): arrangement.transpose for dtype in DType},
    (MatMul, DType.FLOAT32): matrix.float_matmul,
    (TransposeConv2D, DType.FLOAT32): matrix.float_transpose_convolution,
    (AveragePool2D, DType.FLOAT32): floating.average_pool,
    (BatchNorm, DType.FLOAT32): floating.batch_norm,
    (Conv2D, DType.FLOAT32): floating.convolution,
    (DepthwiseConv2D, DType.FLOAT32): floating.depthwise,
    (FullyConnected, DType.FLOAT32): floating.dense,
    (MaxPool2D, DType.FLOAT32): floating.max_pool,
    (Mean, DType.FLOAT32): floating.mean,
    (L2Norm, DType.FLOAT32): reduction.l2_norm,
    (LayerNorm, DType.FLOAT32): reduction.layer_norm,
    (LogSoftmax, DType.FLOAT32): reduction.log_softmax,
    **{
        (operator, dtype): preparer
        for dtype in (DType.FLOAT32, *INTEGERS)
        for operator, preparer in (
            (Add, pointwise.add),
            (ArgReduce, reduction.arg_reduce),
            (Clamp, pointwise.clamp),
        )
    },
    **{
        (operator, dtype): preparer
        for dtype in (DType.BOOL, DType.FLOAT32, *INTEGERS)
        for operator, preparer in (
            (Binary, pointwise.binary),
            (Cast, pointwise.cast),
            (Reduce, reduction.reduce),
            (Unary, pointwise.unary),
        )
    },
    (Softmax, DType.FLOAT32): floating.softmax,
    (BiasGradient, DType.FLOAT32): gradients.bias_gradient,
    (Conv2DInputGradient, DType.FLOAT32): gradients.convolution_input,
    (DepthwiseInputGradient, DType.FLOAT32): gradients.depthwise_input,
    (MaskedScale, DType.FLOAT32): gradients.masked_scale,
    (SaturationMask, DType.INT8): gradients.saturation_mask,
    **{
        (operator, dtype): preparer
        for dtype in (DType.INT8, DType.FLOAT32)
        for operator, preparer in (
            (Conv2DWeightGradient, gradients.convolution_weights),
            (DepthwiseWeightGradient, gradients.depthwise_weights),
            (MaxPoolGradient, gradients.max_pool),
        )
    },
    (StochasticRound, DType.FLOAT32): updates.stochastic_round,
    **{(SaturatingSubtract, dtype): updates.saturating_subtract for dtype in (DType.INT8, DType.INT32)},
    **{(MergeChannels, dtype): updates.merge_channels for dtype in DType},
}

SEVERAL: dict[tuple[type[Operator], DType], SeveralPreparer] = {
    **{(Split, dtype): arrangement.split for dtype in DType},
    (GRU, DType.FLOAT32): recurrent.float_gru,
    (LSTM, DType.FLOAT32): recurrent.float_lstm,
    (LSTM, DType.INT8): recurrent.lstm,
    (RNN, DType.FLOAT32): recurrent.float_rnn,
}
"""Preparers of the operators with several outputs."""


def prepare_results(node: Node, graph: Graph) -> Callable[[Sequence[npt.NDArray[Any]]], Results]:
    """The kernel of a node with any number of outputs; it returns one array for each.

    Raises:
        UnsupportedError: as :func:`prepare`.
    """
    several = SEVERAL.get((type(node.op), graph.inputs_of(node)[0].dtype))
    if several is not None:
        return several(node, graph)
    kernel = prepare(node, graph)
    return lambda inputs: (kernel(inputs),)


def prepare(node: Node, graph: Graph) -> Kernel:
    """The kernel of a node with one output.

    Raises:
        UnsupportedError: the operator is not defined for these types; names node, operator and types.
    """
    dtypes = [tensor.dtype for tensor in graph.inputs_of(node)]
    preparer = PREPARERS.get((type(node.op), dtypes[0]))
    if preparer is None:
        types = ", ".join(dtype.value for dtype in dtypes)
        raise UnsupportedError(f"is not defined for inputs of type {types}", place=place_of(node))
    return preparer(node, graph)


__all__ = ["PREPARERS", "SEVERAL", "Kernel", "Preparer", "Results", "prepare", "prepare_results"]
