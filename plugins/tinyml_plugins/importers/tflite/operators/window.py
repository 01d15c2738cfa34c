"""Converters of convolutions, the dense layer and poolings."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypedDict

from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Activation,
    AveragePool2D,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Split,
)
from tinyml_core.graph.tensor import DType, Quantization, Tensor
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.options import (
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    Pool2DOptions,
)
from tinyml_plugins.importers.tflite.schema import TYPE_NAMES

SAME, VALID = 0, 1
ACTIVATIONS: tuple[Activation, ...] = (IDENTITY, RELU, (-1.0, 1.0), RELU6)
"""Fused activations, by number; those after them are no clamps."""
MOST_GROUPS = 1024
"""Groups of one convolution: each becomes a node."""
LATER_ACTIVATIONS = {4: "TANH", 5: "SIGN_BIT"}
BIAS_TYPES = {DType.INT8: DType.INT32, DType.INT16: DType.INT64, DType.FLOAT32: DType.FLOAT32}
"""Type of the accumulator, by that of the activations; int16 networks may have an int32 bias too."""


def activation_of(call: Call, number: int) -> Activation:
    """The clamp behind a fused activation."""
    if not 0 <= number < len(ACTIVATIONS):
        raise call.refuse(f"has the fused activation {LATER_ACTIVATIONS.get(number, number)}, which is not known")
    return ACTIVATIONS[number]


class _Geometry(TypedDict):
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    activation: Activation


def geometry(
    call: Call, options: Conv2DOptions | DepthwiseConv2DOptions | Pool2DOptions, kernel: tuple[int, int]
) -> _Geometry:
    """The attributes of a window, TensorFlow's padding made explicit: odd totals have more at the end."""
    image = call.input()
    dilation = (1, 1) if isinstance(options, Pool2DOptions) else (options.dilation_h, options.dilation_w)
    stride = (options.stride_h, options.stride_w)
    if len(image.shape) != 4:
        raise call.refuse(f"has an input of shape {list(image.shape)}, four axes are known")
    if min(*stride, *dilation, *kernel) < 1:
        raise call.damaged(f"has stride {stride}, dilation {dilation} and kernel {kernel}; all start at 1")
    if options.padding not in (SAME, VALID):
        raise call.refuse(f"has padding number {options.padding}, which is neither SAME nor VALID")
    around = []
    for size, taps, step, spread in zip(image.shape[1:3], kernel, stride, dilation, strict=True):
        reach = (taps - 1) * spread + 1
        total = max((math.ceil(size / step) - 1) * step + reach - size, 0) if options.padding == SAME else 0
        around.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = around
    return {
        "stride": stride, "padding": (top, bottom, left, right), "dilation": dilation,
        "activation": activation_of(call, options.fused_activation),
    }  # fmt: skip


def conv2d(call: Call, options: Conv2DOptions) -> None:
    """CONV_2D, weights OHWI; with filters of fewer channels than the image has, in groups, one by one."""
    operands = linear_operands(call, (0, 1, 2), axis=0, rank=4, bias_type=options.quantized_bias_type)
    image, weights = operands[:2]
    op = Conv2D(**geometry(call, options, (weights.shape[1], weights.shape[2])))
    if image.shape[3] == weights.shape[3]:
        call.emit(op, *operands)
    else:
        _grouped(call, op, operands)


def _grouped(call: Call, op: Conv2D, operands: list[Tensor]) -> None:
    image, weights = operands[:2]
    depth = weights.shape[3]
    groups, rest = divmod(image.shape[3], max(depth, 1))
    if depth < 1 or rest or groups < 1 or weights.shape[0] % groups or any(t.data is None for t in operands[1:]):
        raise call.refuse(
            f"has {image.shape[3]} input channels, {weights.shape[0]} filters of {depth}, which make no groups,"
            " or computes its filters"
        )
    if groups > MOST_GROUPS:
        raise call.refuse(f"has {groups} groups; up to {MOST_GROUPS} are known")
    filters, output = weights.shape[0] // groups, call.output
    parts = [call.assembly.new(f"{image.name}_group{g}", (*image.shape[:3], depth), image) for g in range(groups)]
    call.emit(Split(3, (depth,) * groups), image, outputs=parts, part="_split")
    results = []
    for group, part in enumerate(parts):
        own = [_filters(call, tensor, slice(group * filters, (group + 1) * filters)) for tensor in operands[1:]]
        results.append(call.assembly.new(f"{output.name}_group{group}", (*output.shape[:3], filters), output))
        call.emit(op, part, *own, outputs=results[-1:], part=f"_group{group}")
    call.emit(Concat(axis=3), *results, part="_join")


def _filters(call: Call, tensor: Tensor, chosen: slice) -> Tensor:
    """Some filters of constant weights, or their biases."""
    assert tensor.data is not None
    data, quantization, tensors = tensor.data[chosen], tensor.quantization, call.assembly.tensors
    if quantization is not None and quantization.axis is not None:
        quantization = Quantization(quantization.scale[chosen], quantization.zero_point[chosen], quantization.axis)
    name = call.assembly.new(f"{tensor.name}_{chosen.start}", data.shape, tensor).name
    tensors[name] = replace(tensor, name=name, shape=data.shape, data=data, quantization=quantization)
    return tensors[name]


def depthwise_conv2d(call: Call, options: DepthwiseConv2DOptions) -> None:
    """DEPTHWISE_CONV_2D, weights 1HWC."""
    operands = linear_operands(call, (0, 1, 2), axis=3, rank=4)
    image, weights = operands[:2]
    window = geometry(call, options, (weights.shape[1], weights.shape[2]))
    # Some converters write 0, since the shapes say the same.
    if options.depth_multiplier and options.depth_multiplier * image.shape[3] != weights.shape[3]:
        raise call.damaged(
            f"has depth multiplier {options.depth_multiplier}, {image.shape[3]} channels and {weights.shape[3]} filters"
        )
    call.emit(DepthwiseConv2D(**window), *operands)


def fully_connected(call: Call, options: FullyConnectedOptions) -> None:
    """FULLY_CONNECTED; the leading axes of its input count as rows."""
    if options.weights_format:
        raise call.refuse(f"has weights in format number {options.weights_format}; only the default one is known")
    if options.quant_spec:
        raise call.refuse(f"has quantisation number {options.quant_spec}, which is not known")
    source, weights, *bias = linear_operands(call, (0, 1, 2), axis=0, rank=2, bias_type=options.quantized_bias_type)
    rows, rest = divmod(source.elements, weights.shape[1])
    if rest:
        raise call.damaged(f"has {source.elements} inputs, which is no multiple of the {weights.shape[1]} it expects")
    flat, output = (rows, weights.shape[0]), call.output
    wanted = (*source.shape[:-1], weights.shape[0]) if options.keep_num_dims else flat
    if output.shape != wanted and output.shape[-1:] != wanted[-1:]:
        raise call.damaged(f"computes {list(wanted)}, but its output has shape {list(output.shape)}")
    op = FullyConnected(activation_of(call, options.fused_activation))
    source = call.reshaped(source, (rows, weights.shape[1]))
    call.emit_reshaped(op, source, weights, *bias, shape=flat)


def average_pool2d(call: Call, options: Pool2DOptions) -> None:
    """AVERAGE_POOL_2D."""
    kernel = (options.filter_height, options.filter_width)
    call.emit(AveragePool2D(**geometry(call, options, kernel), kernel=kernel), call.input())


def max_pool2d(call: Call, options: Pool2DOptions) -> None:
    """MAX_POOL_2D."""
    kernel = (options.filter_height, options.filter_width)
    call.emit(MaxPool2D(**geometry(call, options, kernel), kernel=kernel), call.input())


def linear_operands(
    call: Call, positions: tuple[int, int, int], *, axis: int, rank: int, bias_type: int = 0
) -> list[Tensor]:
    """Activations, weights and, where given, bias, at these inputs; ``axis`` of the weights counts the filters."""
    source, weights = call.input(positions[0]), call.any_input(positions[1])
    if len(weights.shape) != rank:
        raise call.damaged(f"has weights of shape {list(weights.shape)}, {rank} axes are needed")
    expected = DType.FLOAT32 if source.dtype is DType.FLOAT32 else DType.INT8
    if weights.dtype is not expected:
        raise call.refuse(f"has {weights.dtype.value} weights for {source.dtype.value} activations")
    quantization = weights.quantization
    if quantization is not None and any(quantization.zero_point):
        raise call.refuse("has weights with a zero point; only symmetric ones are known")
    if quantization is not None and quantization.axis not in (None, axis):
        raise call.refuse(f"has weights quantised along axis {quantization.axis}, filters lie along axis {axis}")
    if not call.has(positions[2]):
        return [source, weights]
    bias = call.any_input(positions[2])
    if bias.dtype is not BIAS_TYPES.get(source.dtype) and (source.dtype, bias.dtype) != (DType.INT16, DType.INT32):
        raise call.refuse(f"has a {bias.dtype.value} bias for {source.dtype.value} activations")
    declared = TYPE_NAMES[bias_type] if 0 <= bias_type < len(TYPE_NAMES) else str(bias_type)
    if bias_type and declared != bias.dtype.name:
        raise call.refuse(f"declares a bias of type {declared}, it has {bias.dtype.value}")
    return [source, weights, bias]
