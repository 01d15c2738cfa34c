"""ConvTranspose: groups and dilations become zeros in the weights."""

from __future__ import annotations

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import TransposeConv2D
from tinyml_plugins.importers.onnx.converters.geometry import pair
from tinyml_plugins.importers.onnx.emission import LARGEST_CONSTANT, Call, Emitter
from tinyml_plugins.importers.onnx.network import Array, Node
from tinyml_plugins.importers.onnx.values import NHWC, Variable


def transposed_convolution(call: Call, emitter: Emitter) -> Variable:
    """ConvTranspose in float32."""
    node, image, weights = call.node, emitter.image(call), call.constant(1)
    _, rows, columns, channels = emitter.builder.tensor(image).shape
    groups = node.integer("group", 1)
    data = weights.real
    if data.ndim != 4 or groups < 1 or data.shape[0] != channels or channels % groups or min(data.shape) < 1:
        raise InputError(
            f"has weights of shape {list(data.shape)} for {channels} channels in {groups} groups", place=node.place
        )
    dilation = pair(node, "dilations", 1)
    reach = [(size - 1) * step + 1 for size, step in zip(data.shape[2:], dilation, strict=True)]
    if min(dilation) < 1 or groups * data.shape[1] * channels * reach[0] * reach[1] * 4 > LARGEST_CONSTANT:
        raise call.unsupported(f"would need weights of more than {LARGEST_CONSTANT} bytes")
    stride, before, size = _geometry(node, (rows, columns), (reach[0], reach[1]))
    if min(size) < 1 or min(before) < 0 or min(stride) < 1:
        raise call.unsupported(f"makes an image of {list(size)} with padding {list(before)}")
    op = TransposeConv2D(size=size, stride=stride, padding=before, activation=call.activation)
    inputs = [image, emitter.constant(weights.name, _dense(data, groups, dilation, reach))]
    bias = call.optional(2)
    if bias is not None:
        inputs.append(emitter.constant(bias.name, bias.real))
    return emitter.emit(call, op, inputs, NHWC)


def _dense(data: Array, groups: int, dilation: tuple[int, int], reach: list[int]) -> Array:
    """[in, out / groups, kh, kw] as [out, rows, columns, in]."""
    channels, filters = data.shape[:2]
    inputs = channels // groups
    dense = np.zeros((groups * filters, *reach, channels), np.float32)
    for group in range(groups):
        taps = data[group * inputs : (group + 1) * inputs].transpose(1, 2, 3, 0)
        target = dense[group * filters : (group + 1) * filters, :: dilation[0], :: dilation[1]]
        target[..., group * inputs : (group + 1) * inputs] = taps
    return dense


def _geometry(
    node: Node, image: tuple[int, int], reach: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Stride, padding in front, and size of the output."""
    stride, extra = pair(node, "strides", 1), pair(node, "output_padding", 0)
    pads, wanted = node.integers("pads", (0, 0, 0, 0)), node.integers("output_shape")
    auto = node.text("auto_pad", "NOTSET")
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER") or len(pads) != 4 or len(wanted) not in (0, 2):
        raise InputError("has auto_pad, pads or an output_shape that do not suit", place=node.place)
    before, size = [], []
    for axis in range(2):
        whole = stride[axis] * (image[axis] - 1) + extra[axis] + reach[axis]
        if wanted or auto.startswith("SAME"):
            size.append(wanted[axis] if wanted else image[axis] * stride[axis])
            total = whole - size[axis]
            before.append(total // 2 if auto == "SAME_UPPER" else total - total // 2)
        else:
            size.append(whole - pads[axis] - pads[axis + 2])
            before.append(pads[axis])
    return stride, (before[0], before[1]), (size[0], size[1])
