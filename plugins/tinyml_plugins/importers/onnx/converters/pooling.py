"""Poolings."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph.operators import AveragePool2D, DepthwiseConv2D, MaxPool2D, Mean
from tinyml_core.graph.tensor import Quantization
from tinyml_plugins.importers.onnx.converters.geometry import Sliding, kernel_shape, window
from tinyml_plugins.importers.onnx.emission import LARGEST_CONSTANT, Call, Emitter
from tinyml_plugins.importers.onnx.values import NHWC, Variable


def max_pool(call: Call, emitter: Emitter) -> Variable:
    """MaxPool without indices."""
    image = emitter.image(call)
    _, rows, columns, _ = emitter.builder.tensor(image).shape
    kernel = kernel_shape(call.node)
    sliding = window(call.node, (rows, columns), kernel)
    if sliding.dilation != (1, 1):
        raise call.unsupported("dilates its window")
    op = MaxPool2D(kernel=kernel, stride=sliding.stride, padding=sliding.padding, activation=call.activation)
    return emitter.emit(call, op, [image], NHWC)


def global_max_pool(call: Call, emitter: Emitter) -> Variable:
    """GlobalMaxPool."""
    image = emitter.image(call)
    _, rows, columns, _ = emitter.builder.tensor(image).shape
    return emitter.emit(call, MaxPool2D(kernel=(rows, columns)), [image], NHWC)


def average_pool(call: Call, emitter: Emitter) -> Variable:
    """AveragePool; where the scale changes or padding counts, as a depthwise convolution with equal weights.

    The convolution rounds once, as onnxruntime does; a pooling and a requantisation behind it would round twice.
    """
    image = emitter.image(call)
    tensor = emitter.builder.tensor(image)
    kernel = kernel_shape(call.node)
    sliding = window(call.node, (tensor.shape[1], tensor.shape[2]), kernel)
    counts_padding = bool(call.node.integer("count_include_pad", 0)) and any(sliding.padding)
    keeps_scale = call.quantization == tensor.quantization
    if keeps_scale and not counts_padding and sliding.dilation == (1, 1):
        op = AveragePool2D(kernel=kernel, stride=sliding.stride, padding=sliding.padding, activation=call.activation)
        return emitter.emit(call, op, [image], NHWC)
    if any(sliding.padding) and (not counts_padding or any(sliding.extra)):
        raise call.unsupported(
            "averages a changing number of elements into another scale", "quantise its input and output alike"
        )
    return _as_convolution(call, emitter, image, kernel, sliding)


def _as_convolution(call: Call, emitter: Emitter, image: str, kernel: tuple[int, int], sliding: Sliding) -> Variable:
    tensor = emitter.builder.tensor(image)
    count, channels = kernel[0] * kernel[1], tensor.shape[3]
    if count * channels * 4 > LARGEST_CONSTANT:
        raise call.unsupported(f"would need weights of more than {LARGEST_CONSTANT} bytes")
    op = DepthwiseConv2D(
        stride=sliding.stride, padding=sliding.padding, dilation=sliding.dilation, activation=call.activation
    )
    shape = (1, *kernel, channels)
    if call.quantization is None:
        weights = emitter.constant(f"{call.name}/weights", np.full(shape, 1 / count, np.float32))
        return emitter.emit(call, op, [image, weights], NHWC)
    weights = emitter.constant(f"{call.name}/weights", np.ones(shape, np.int8), Quantization.per_tensor(1 / count))
    bias = emitter.constant(
        f"{call.name}/bias", np.zeros(channels, np.int32), Quantization.per_tensor(tensor.scale / count)
    )
    return emitter.emit(call, op, [image, weights, bias], NHWC)


def global_average_pool(call: Call, emitter: Emitter) -> Variable:
    """GlobalAveragePool."""
    return emitter.emit(call, Mean(axes=(1, 2), keep_axes=True), [emitter.image(call)], NHWC)
