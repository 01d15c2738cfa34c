"""Converters of elementwise operators, softmax, reductions and the crossings between scales."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinyml_core.arithmetic.quantised import from_real
from tinyml_core.graph.operators import Activation, Add, Clamp, Dequantize, Mean, Quantize, Softmax
from tinyml_core.graph.tensor import Array, DType, Tensor
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.operators.window import activation_of
from tinyml_plugins.importers.tflite.options import AddOptions, NoOptions, ReducerOptions, SoftmaxOptions


def add(call: Call, options: AddOptions) -> None:
    """ADD, broadcast."""
    call.emit(Add(activation_of(call, options.fused_activation)), call.input(0), call.input(1))


def clamp(activation: Activation) -> Callable[[Call, NoOptions], None]:
    """RELU and its family."""

    def convert(call: Call, options: NoOptions) -> None:
        source, output = call.input(), call.output
        if call.name == "RELU6" and source.quantization != output.quantization:
            # TensorFlow Lite rescales here, TensorFlow Lite Micro does not: the file has two meanings.
            raise call.refuse("has different scales before and after RELU6, which runtimes compute differently")
        call.emit(Clamp(activation), source)

    return convert


def softmax(call: Call, options: SoftmaxOptions) -> None:
    """SOFTMAX along the last axis."""
    if not (math.isfinite(options.beta) and options.beta > 0):
        raise call.damaged(f"has beta {options.beta}, a positive number is needed")
    call.emit(Softmax(options.beta), call.input())


def mean(call: Call, options: ReducerOptions) -> None:
    """MEAN over constant axes."""
    source = call.input()
    call.emit(Mean(call.axes(call.integers(1), len(source.shape)), options.keep_dims), source)


def quantize(call: Call, options: NoOptions) -> None:
    """QUANTIZE from float, or from other integers; that of a float constant is done here."""
    source, output = call.input(), call.output
    if output.quantization is None:
        raise call.damaged(f"has the output {output.name!r} without a scale")
    if source.data is not None and source.dtype is DType.FLOAT32 and source.shape == output.shape and _sane(output):
        call.fold(
            from_real(source.data.astype(np.float32), output.scale, output.zero_point, output.dtype),
            output.quantization,
        )
    else:
        call.emit(Quantize(output.dtype.value), source)


def dequantize(call: Call, options: NoOptions) -> None:
    """DEQUANTIZE; that of a constant, which may have a scale per channel, is done here."""
    source, output = call.any_input(0), call.output
    if source.data is None:
        call.emit(Dequantize(), call.input())
    elif (source.shape, output.dtype) != (output.shape, DType.FLOAT32) or not source.dtype.is_integer:
        raise call.damaged(
            f"turns {source.dtype.value}{list(source.shape)} into {output.dtype.value}{list(output.shape)}"
        )
    else:
        call.fold(_real(call, source), None)


def _real(call: Call, tensor: Tensor) -> Array:
    quantization, rank = tensor.quantization, len(tensor.shape)
    if quantization is None or not _sane(tensor):
        raise call.damaged(f"has the input {tensor.name!r} without usable scales")
    assert tensor.data is not None
    shape = [1] * rank
    if quantization.axis is not None:
        shape[quantization.axis] = -1
    points = np.array(quantization.zero_point, np.int64).reshape(shape)
    scales = np.array(quantization.scale, np.float32).reshape(shape)
    return np.multiply(scales, (tensor.data.astype(np.int64) - points).astype(np.float32), dtype=np.float32)


def _sane(tensor: Tensor) -> bool:
    """Whether scales are numbers to multiply by, one for each index of their axis."""
    quantization = tensor.quantization
    if quantization is None or not all(math.isfinite(scale) and scale > 0 for scale in quantization.scale):
        return False
    if quantization.axis is None:
        return True
    return 0 <= quantization.axis < len(tensor.shape) and len(quantization.scale) == tensor.shape[quantization.axis]
