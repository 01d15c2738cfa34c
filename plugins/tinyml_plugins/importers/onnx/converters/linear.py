"""Conv, Gemm and MatMul: weights turned from OIHW to OHWI, biases to the scale of the accumulator."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Concat, Conv2D, DepthwiseConv2D, FullyConnected, Split
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.onnx.converters.bias import integer_bias
from tinyml_plugins.importers.onnx.converters.geometry import Sliding, window
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.network import Array
from tinyml_plugins.importers.onnx.values import NHWC, Constant, Variable

MOST_GROUPS = 1024
"""Groups of one convolution: each becomes a node."""


@dataclass(frozen=True)
class _Weights:
    """Filters with the output channel first: float32, or int8 with their scales."""

    name: str
    data: Array
    scale: tuple[float, ...] | None

    def quantization(self, axis: int) -> Quantization | None:
        if self.scale is None:
            return None
        return Quantization(self.scale, (0,) * len(self.scale), axis if len(self.scale) > 1 else None)

    def part(self, first: int, count: int) -> _Weights:
        """The filters from ``first`` on."""
        chosen = slice(first, first + count)
        scale = self.scale if self.scale is None or len(self.scale) == 1 else self.scale[chosen]
        return _Weights(f"{self.name}/{first}", self.data[chosen], scale)


def convolution(call: Call, emitter: Emitter) -> Variable:
    """Conv: dense, depthwise, or in groups that are convolved one by one."""
    node = call.node
    weights = _weights(call, 1, 4, 0)
    image = emitter.image(call)
    channels = emitter.builder.tensor(image).shape[3]
    out, depth, *kernel = weights.data.shape
    if min(weights.data.shape) < 1:
        raise InputError(f"has weights of shape {list(weights.data.shape)}", place=node.place)
    shape = emitter.builder.tensor(image).shape
    sliding = window(node, (shape[1], shape[2]), (kernel[0], kernel[1]))
    groups = node.integer("group", 1)
    kind: type[Conv2D | DepthwiseConv2D]
    if groups == 1:
        arranged, axis, kind = weights.data.transpose(0, 2, 3, 1), 0, Conv2D
    elif groups == channels and depth == 1:
        arranged, axis, kind = weights.data.transpose(1, 2, 3, 0), 3, DepthwiseConv2D
    else:
        if groups < 1 or groups * depth != channels or out % groups:
            raise InputError(f"has {groups} groups of {depth} of {channels} channels, {out} filters", place=node.place)
        return _grouped(call, emitter, image, weights, groups, sliding)
    op = kind(stride=sliding.stride, padding=sliding.padding, dilation=sliding.dilation, activation=call.activation)
    inputs = [image, emitter.constant(weights.name, arranged, weights.quantization(axis))]
    inputs += _bias(call, emitter, image, weights, out)
    return emitter.emit(call, op, inputs, NHWC)


def _grouped(
    call: Call, emitter: Emitter, image: str, weights: _Weights, groups: int, sliding: Sliding
) -> Variable:  # fmt: skip
    """Each group's channels convolved with its filters: the same sums, so the same numbers."""
    if groups > MOST_GROUPS:
        raise call.unsupported(f"has {groups} groups; up to {MOST_GROUPS} are known")
    out, depth = weights.data.shape[:2]
    filters = out // groups
    given = call.optional(2)
    real = None if given is None else _channels(call, given, out)
    tensor = emitter.builder.tensor(image)
    cut = replace(call, name=f"{call.name}/split", quantization=tensor.quantization)
    parts = emitter.emit_all(cut, Split(3, (depth,) * groups), [image], NHWC)
    op = Conv2D(
        stride=sliding.stride, padding=sliding.padding, dilation=sliding.dilation, activation=call.activation
    )  # fmt: skip
    results = []
    for group, part in enumerate(parts):
        own = weights.part(group * filters, filters)
        bias = None if real is None else Constant(f"{call.name}/bias{group}", real[group * filters :][:filters])
        single = replace(call, name=f"{call.name}/{group}", inputs=(part, call.inputs[1], bias))
        inputs = [part.handle, emitter.constant(own.name, own.data.transpose(0, 2, 3, 1), own.quantization(0))]
        inputs += _bias(single, emitter, part.handle, own, filters)
        results.append(emitter.emit(single, op, inputs, NHWC).handle)
    return emitter.emit(call, Concat(axis=3), results, NHWC)


def dense_gemm(call: Call, emitter: Emitter) -> Variable:
    """Gemm with constant B and C."""
    node = call.node
    if node.integer("transA", 0):
        raise call.unsupported("transposes its first input")
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    transposed = bool(node.integer("transB", 0))
    if call.quantization is not None and (alpha, beta) != (1.0, 1.0):
        raise call.unsupported(f"scales quantised numbers by alpha {alpha:g} and beta {beta:g}", "export without them")
    weights = _weights(call, 1, 2, 0 if transposed else 1)
    if call.quantization is None:
        weights = _Weights(weights.name, weights.data * np.float32(alpha), None)
    return _dense(call, emitter, weights, beta)


def dense_matmul(call: Call, emitter: Emitter) -> Variable:
    """MatMul with a constant matrix on the right."""
    return _dense(call, emitter, _weights(call, 1, 2, 1), 1.0)


def _dense(call: Call, emitter: Emitter, weights: _Weights, beta: float) -> Variable:
    variable = call.variable(0)
    data = weights.data
    handle, lead = variable.handle, emitter.shape(variable)[:-1]
    if variable.flattened is not None:  # what the source has flattened as CHW lies as HWC: exact, the columns move too
        order = variable.flattened.order()
        if data.shape[1] != order.size:
            raise InputError(f"has {data.shape[1]} inputs, reads {order.size}", place=call.node.place)
        data = data[:, order]
    elif len(variable.axes) < 2:
        raise call.unsupported("multiplies a vector", "keep the axis of the samples")
    elif len(variable.axes) > 2:
        handle = emitter.laid_out(variable, tuple(range(len(variable.axes))))
        handle = emitter.reshaped(handle, (int(np.prod(lead)), emitter.shape(variable)[-1]))
    inputs = [handle, emitter.constant(weights.name, data, weights.quantization(0))]
    inputs += _bias(call, emitter, handle, _Weights(weights.name, data, weights.scale), data.shape[0], beta)
    result = emitter.emit(call, FullyConnected(activation=call.activation), inputs, (0, 1))
    if len(lead) > 1:
        shape = (*lead, data.shape[0])
        return Variable(emitter.reshaped(result.handle, shape), result.dtype, tuple(range(len(shape))))
    return result


def _weights(call: Call, index: int, rank: int, channel_axis: int) -> _Weights:
    """A constant of ``rank`` with ``channel_axis``, the axis of its output channels, moved to the front."""
    constant = call.constant(index)
    if constant.data.ndim != rank:
        raise call.unsupported(f"has weights of rank {constant.data.ndim}; {rank} is known")
    if call.quantization is None:
        return _Weights(constant.name, np.moveaxis(constant.real, channel_axis, 0), None)
    quantization = constant.quantization
    assert quantization is not None
    if quantization.axis not in (None, channel_axis):
        raise call.unsupported(f"has weights with scales along axis {quantization.axis}, not the output channels'")
    centred = constant.centred
    if constant.data.dtype.name not in ("int8", "uint8") or np.abs(centred + 0.5).max(initial=0) > 128:
        raise call.unsupported(
            f"has {constant.data.dtype} weights that are not symmetric int8", "quantise weights symmetrically, as int8"
        )
    return _Weights(constant.name, np.moveaxis(centred.astype(np.int8), channel_axis, 0), quantization.scale)


def _bias(call: Call, emitter: Emitter, handle: str, weights: _Weights, channels: int, beta: float = 1.0) -> list[str]:
    constant = call.optional(2)
    if constant is None and call.quantization is None:
        return []
    real = np.zeros(channels) if constant is None else _channels(call, constant, channels)
    name = f"{call.name}/bias" if constant is None else constant.name
    if call.quantization is None:
        return [emitter.constant(name, (real * beta).astype(np.float32))]
    assert weights.scale is not None
    source = emitter.builder.tensor(handle)
    assert source.dtype is DType.INT8
    data, products = integer_bias(call, real, source, weights.data, weights.scale)
    quantization = Quantization.per_channel(products, 0)
    return [emitter.constant(name, data, quantization)]


def _channels(call: Call, constant: Constant, channels: int) -> Array:
    """The real values of a bias, one per channel, in double."""
    quantization = constant.quantization
    if quantization is None:
        values = constant.data.astype(np.float64)
    else:
        scale = np.array(quantization.scale, np.float64)
        if constant.data.ndim != 1 and quantization.axis is not None:
            raise call.unsupported(f"has a bias of shape {list(constant.data.shape)} with a scale per channel")
        values = constant.centred * (scale if quantization.axis is not None else scale[0])
    flat = values.reshape(-1)
    if flat.size not in (1, channels) or values.ndim > 2 or not np.isfinite(flat).all():
        raise InputError(
            f"has a bias of shape {list(values.shape)} for {channels} channels, or not finite", place=call.node.place
        )
    return np.broadcast_to(flat, (channels,))
