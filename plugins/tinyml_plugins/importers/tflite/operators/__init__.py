"""The operators known: how each is converted, up to which version, and with which options.

To add one: a converter ``(call, options) -> None`` that emits nodes, and a row here. Versions are those that TensorFlow
registers (``tensorflow/lite/core/kernels/register.cc``); a later one may mean something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyml_core.graph.operators import RELU, RELU6
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.operators import (
    arrangement,
    blocks,
    elementwise,
    matrix,
    movement,
    pointwise,
    recurrent,
    window,
)
from tinyml_plugins.importers.tflite.options import (
    ActivationOptions,
    AddOptions,
    ArgOptions,
    BatchMatMulOptions,
    BlockOptions,
    CastOptions,
    ConcatenationOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    GatherOptions,
    GeluOptions,
    LeakyReluOptions,
    MirrorPadOptions,
    NoOptions,
    PackOptions,
    Pool2DOptions,
    ReducerOptions,
    ReshapeOptions,
    ResizeBilinearOptions,
    ResizeNearestOptions,
    ShapeOptions,
    SoftmaxOptions,
    SplitOptions,
    SqueezeOptions,
    StridedSliceOptions,
    SubOptions,
    TransposeConvOptions,
    UnidirectionalSequenceLSTMOptions,
    UnpackOptions,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ARITHMETIC = frozenset({DType.FLOAT32, DType.INT8, DType.INT16})
"""Activations of operators that compute; uint8 is the quantisation of TensorFlow Lite before 2019."""
ANY = frozenset(DType)
LOGIC = frozenset({DType.BOOL})
MANY = (1, 1024)
PAIR = (2, 2)


class Entry(NamedTuple):
    """One operator: ``types`` that its first input may have, ``arity`` the least and greatest number of inputs.

    ``reads``: how many leading inputs it computes from; others only repeat what the output declares. ``keeps_state``:
    some inputs are variables that it changes, and it names tensors for what it computes in between.
    """

    convert: Callable[[Call, Any], None]
    version: int
    options: type[DataclassInstance] = NoOptions
    arity: tuple[int, int] = (1, 1)
    types: frozenset[DType] = ARITHMETIC
    reads: int | None = None
    many_outputs: bool = False
    keeps_state: bool = False


OPERATORS: dict[str, Entry] = {
    "ABS": Entry(pointwise.unary("abs"), 5),
    "ADD": Entry(elementwise.add, 5, AddOptions, PAIR),
    "ARG_MAX": Entry(pointwise.arg(least=False), 3, ArgOptions, PAIR),
    "ARG_MIN": Entry(pointwise.arg(least=True), 3, ArgOptions, PAIR),
    "AVERAGE_POOL_2D": Entry(window.average_pool2d, 3, Pool2DOptions),
    "BATCH_MATMUL": Entry(matrix.batch_matmul, 4, BatchMatMulOptions, PAIR),
    "BATCH_TO_SPACE_ND": Entry(blocks.batch_to_space, 4, arity=(3, 3)),
    "BROADCAST_TO": Entry(arrangement.broadcast_to, 3, arity=PAIR, types=ANY),
    "CAST": Entry(pointwise.cast, 6, CastOptions, types=ANY),
    "CEIL": Entry(pointwise.unary("ceil"), 1),
    "CONCATENATION": Entry(arrangement.concatenation, 4, ConcatenationOptions, MANY, ANY),
    "CONV_2D": Entry(window.conv2d, 8, Conv2DOptions, (2, 3)),
    "COS": Entry(pointwise.unary("cos"), 1),
    "DEPTHWISE_CONV_2D": Entry(window.depthwise_conv2d, 7, DepthwiseConv2DOptions, (2, 3)),
    "DEPTH_TO_SPACE": Entry(blocks.depth_to_space, 2, BlockOptions),
    "DEQUANTIZE": Entry(elementwise.dequantize, 6, types=ANY),
    "DIV": Entry(pointwise.arithmetic("divide"), 2, ActivationOptions, PAIR),
    "ELU": Entry(pointwise.elu, 1),
    "EQUAL": Entry(pointwise.binary("equal"), 4, arity=PAIR, types=ANY),
    "EXP": Entry(pointwise.unary("exp"), 2),
    "EXPAND_DIMS": Entry(movement.expand_dims, 1, arity=PAIR, types=ANY),
    "FLOOR": Entry(pointwise.unary("floor"), 1),
    "FULLY_CONNECTED": Entry(window.fully_connected, 12, FullyConnectedOptions, (2, 3)),
    "GATHER": Entry(arrangement.gather, 6, GatherOptions, PAIR, ANY),
    "GELU": Entry(pointwise.gelu, 2, GeluOptions),
    "GREATER": Entry(pointwise.binary("greater"), 2, arity=PAIR, types=ANY),
    "GREATER_EQUAL": Entry(pointwise.binary("greater_equal"), 3, arity=PAIR, types=ANY),
    "HARD_SWISH": Entry(pointwise.unary("hard_swish"), 1),
    "L2_NORMALIZATION": Entry(pointwise.l2_normalisation, 2, ActivationOptions),
    "LEAKY_RELU": Entry(pointwise.leaky_relu, 2, LeakyReluOptions),
    "LESS": Entry(pointwise.binary("less"), 3, arity=PAIR, types=ANY),
    "LESS_EQUAL": Entry(pointwise.binary("less_equal"), 2, arity=PAIR, types=ANY),
    "LOG": Entry(pointwise.unary("log"), 2),
    "LOGICAL_AND": Entry(pointwise.binary("and"), 1, arity=PAIR, types=LOGIC),
    "LOGICAL_NOT": Entry(pointwise.unary("not"), 1, types=LOGIC),
    "LOGICAL_OR": Entry(pointwise.binary("or"), 1, arity=PAIR, types=LOGIC),
    "LOGISTIC": Entry(pointwise.bounded("sigmoid", 1 / 256, -128), 3),
    "LOG_SOFTMAX": Entry(pointwise.log_softmax, 2),
    "MAXIMUM": Entry(pointwise.binary("maximum"), 4, arity=PAIR),
    "MAX_POOL_2D": Entry(window.max_pool2d, 3, Pool2DOptions),
    "MEAN": Entry(elementwise.mean, 3, ReducerOptions, PAIR),
    "MINIMUM": Entry(pointwise.binary("minimum"), 4, arity=PAIR),
    "MIRROR_PAD": Entry(movement.mirror_pad, 3, MirrorPadOptions, PAIR),
    "MUL": Entry(pointwise.arithmetic("multiply"), 7, ActivationOptions, PAIR),
    "NEG": Entry(pointwise.unary("negate"), 1),
    "NOT_EQUAL": Entry(pointwise.binary("not_equal"), 3, arity=PAIR, types=ANY),
    "PACK": Entry(arrangement.pack, 4, PackOptions, MANY, ANY),
    "PAD": Entry(movement.pad, 4, arity=PAIR),
    "PADV2": Entry(movement.pad, 4, arity=(3, 3)),
    "PRELU": Entry(pointwise.binary("prelu"), 1, arity=PAIR),
    "QUANTIZE": Entry(elementwise.quantize, 3, types=ANY),
    "REDUCE_MAX": Entry(pointwise.reduce("max"), 3, ReducerOptions, PAIR),
    "REDUCE_MIN": Entry(pointwise.reduce("min"), 3, ReducerOptions, PAIR),
    "REDUCE_PROD": Entry(pointwise.reduce("product"), 2, ReducerOptions, PAIR),
    "RELU": Entry(elementwise.clamp(RELU), 3),
    "RELU6": Entry(elementwise.clamp(RELU6), 3),
    "RELU_0_TO_1": Entry(elementwise.clamp((0.0, 1.0)), 1),
    "RELU_N1_TO_1": Entry(elementwise.clamp((-1.0, 1.0)), 1),
    "RESHAPE": Entry(movement.reshape, 1, ReshapeOptions, (1, 2), ANY, reads=1),
    "RESIZE_BILINEAR": Entry(arrangement.resize("bilinear"), 4, ResizeBilinearOptions, PAIR),
    "RESIZE_NEAREST_NEIGHBOR": Entry(arrangement.resize("nearest"), 4, ResizeNearestOptions, PAIR),
    "REVERSE_V2": Entry(blocks.reverse, 3, arity=PAIR, types=ANY),
    "ROUND": Entry(pointwise.unary("round"), 1),
    "RSQRT": Entry(pointwise.unary("rsqrt"), 2),
    "SELECT": Entry(pointwise.select, 4, arity=(3, 3), types=LOGIC),
    "SELECT_V2": Entry(pointwise.select, 2, arity=(3, 3), types=LOGIC),
    "SHAPE": Entry(pointwise.shape, 1, ShapeOptions, types=ANY),
    "SIN": Entry(pointwise.unary("sin"), 1),
    "SLICE": Entry(arrangement.slice_, 6, arity=(3, 3), types=ANY),
    "SOFTMAX": Entry(elementwise.softmax, 3, SoftmaxOptions),
    "SPACE_TO_BATCH_ND": Entry(blocks.space_to_batch, 4, arity=(3, 3)),
    "SPACE_TO_DEPTH": Entry(blocks.space_to_depth, 2, BlockOptions),
    "SPLIT": Entry(arrangement.split, 4, SplitOptions, PAIR, ANY, many_outputs=True),
    "SPLIT_V": Entry(arrangement.split_v, 2, SplitOptions, (3, 3), ANY, many_outputs=True),
    "SQRT": Entry(pointwise.unary("sqrt"), 1),
    "SQUARED_DIFFERENCE": Entry(pointwise.binary("squared_difference"), 2, arity=PAIR),
    "SQUEEZE": Entry(movement.squeeze, 2, SqueezeOptions, types=ANY),
    "STRIDED_SLICE": Entry(arrangement.strided_slice, 8, StridedSliceOptions, (4, 4), ANY),
    "SUB": Entry(pointwise.arithmetic("subtract"), 5, SubOptions, PAIR),
    "SUM": Entry(pointwise.reduce("sum"), 2, ReducerOptions, PAIR),
    "TANH": Entry(pointwise.bounded("tanh", 1 / 128, 0), 3),
    "TILE": Entry(arrangement.tile, 3, arity=PAIR, types=ANY),
    "TRANSPOSE": Entry(movement.transpose, 6, arity=PAIR, types=ANY),
    "TRANSPOSE_CONV": Entry(matrix.transpose_conv, 5, TransposeConvOptions, (3, 4), ANY),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Entry(
        recurrent.unidirectional_sequence_lstm,
        4,
        UnidirectionalSequenceLSTMOptions,
        (20, 24),
        frozenset({DType.FLOAT32, DType.INT8}),
        keeps_state=True,
    ),
    "UNPACK": Entry(arrangement.unpack, 4, UnpackOptions, types=ANY, many_outputs=True),
}
"""Every operator this importer converts, by the schema's name."""
