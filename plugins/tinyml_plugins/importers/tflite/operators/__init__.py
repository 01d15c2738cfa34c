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
from tinyml_plugins.importers.tflite.operators import elementwise, movement, window
from tinyml_plugins.importers.tflite.options import (
    AddOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    NoOptions,
    Pool2DOptions,
    ReducerOptions,
    ReshapeOptions,
    SoftmaxOptions,
    SqueezeOptions,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ARITHMETIC = frozenset({DType.FLOAT32, DType.INT8, DType.INT16})
"""Activations of operators that compute; uint8 is the quantisation of TensorFlow Lite before 2019."""
ANY = frozenset(DType)


class Entry(NamedTuple):
    """One operator: ``types`` that its first input may have, ``arity`` the least and greatest number of inputs.

    ``reads``: how many leading inputs it computes from; others only repeat what the output declares.
    """

    convert: Callable[[Call, Any], None]
    version: int
    options: type[DataclassInstance] = NoOptions
    arity: tuple[int, int] = (1, 1)
    types: frozenset[DType] = ARITHMETIC
    reads: int | None = None


OPERATORS: dict[str, Entry] = {
    "ADD": Entry(elementwise.add, 5, AddOptions, (2, 2)),
    "AVERAGE_POOL_2D": Entry(window.average_pool2d, 3, Pool2DOptions),
    "CONV_2D": Entry(window.conv2d, 8, Conv2DOptions, (2, 3)),
    "DEPTHWISE_CONV_2D": Entry(window.depthwise_conv2d, 7, DepthwiseConv2DOptions, (2, 3)),
    "DEQUANTIZE": Entry(elementwise.dequantize, 6, types=ANY),
    "EXPAND_DIMS": Entry(movement.expand_dims, 1, arity=(2, 2), types=ANY),
    "FULLY_CONNECTED": Entry(window.fully_connected, 12, FullyConnectedOptions, (2, 3)),
    "MAX_POOL_2D": Entry(window.max_pool2d, 3, Pool2DOptions),
    "MEAN": Entry(elementwise.mean, 3, ReducerOptions, (2, 2)),
    "PAD": Entry(movement.pad, 4, arity=(2, 2)),
    "PADV2": Entry(movement.pad, 4, arity=(3, 3)),
    "QUANTIZE": Entry(elementwise.quantize, 3, types=ANY),
    "RELU": Entry(elementwise.clamp(RELU), 3),
    "RELU6": Entry(elementwise.clamp(RELU6), 3),
    "RELU_0_TO_1": Entry(elementwise.clamp((0.0, 1.0)), 1),
    "RELU_N1_TO_1": Entry(elementwise.clamp((-1.0, 1.0)), 1),
    "RESHAPE": Entry(movement.reshape, 1, ReshapeOptions, (1, 2), ANY, reads=1),
    "SOFTMAX": Entry(elementwise.softmax, 3, SoftmaxOptions),
    "SQUEEZE": Entry(movement.squeeze, 2, SqueezeOptions, types=ANY),
    "TRANSPOSE": Entry(movement.transpose, 6, arity=(2, 2), types=ANY),
}
"""Every operator this importer converts, by the schema's name."""
