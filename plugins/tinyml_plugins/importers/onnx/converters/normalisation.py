"""Normalisations, spelled out in reductions and pointwise functions unless one operator does it all."""

from __future__ import annotations

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Add, LayerNorm, LogSoftmax, Mean, Reduce
from tinyml_plugins.importers.onnx.converters.composition import (
    axes_of,
    binary,
    number,
    pointwise,
    reduced,
    source_order,
    unary,
)
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable


def log_softmax(call: Call, emitter: Emitter) -> Variable:
    """LogSoftmax, along the axis that lies last on the device then."""
    value = emitter.plain(call.variable(0))
    (axis,) = axes_of(call, (call.node.integer("axis", -1),), len(value.axes))
    axes = (*(each for each in value.axes if each != axis), axis)
    return emitter.emit(call, LogSoftmax(), [emitter.laid_out(value, axes)], axes)


def layer_normalization(call: Call, emitter: Emitter) -> tuple[Variable, ...]:
    """LayerNormalization; the mean and the inverse deviation too where they are asked for."""
    _single_precision(call)
    value = call.variable(0)
    rank, epsilon = len(value.axes), _epsilon(call)
    (axis,) = axes_of(call, (call.node.integer("axis", -1),), rank)
    own = emitter.shape(value)[axis:]
    parameters = [each for each in call.inputs[1:] if each is not None]
    if len(call.node.outputs) == 1 and all(
        isinstance(each, Constant) and each.data.shape == own for each in parameters
    ):
        handles = [source_order(emitter, value)]
        handles += [emitter.constant(each.name, each.real) for each in parameters if isinstance(each, Constant)]
        return (emitter.emit(call, LayerNorm(axis=axis, epsilon=epsilon), handles, range(rank)),)
    mean, centred, factor = _deviation(call, emitter, value, tuple(range(axis, rank)), epsilon)
    result = binary(call, emitter, "multiply", binary(call, emitter, "multiply", centred, factor), call.operand(1))
    if len(parameters) == 2:
        result = pointwise(call, emitter, Add(), result, parameters[1])
    return result, mean, factor


def instance_normalization(call: Call, emitter: Emitter) -> Variable:
    """InstanceNormalization: over all axes behind the channels'."""
    value = call.variable(0)
    rank = len(value.axes)
    if rank < 3:
        raise InputError(f"has no axes behind the channels of rank {rank}", place=call.node.place)
    _, centred, factor = _deviation(call, emitter, value, tuple(range(2, rank)), _epsilon(call))
    scale, bias = (_per_channel(call, emitter, call.operand(index), rank) for index in (1, 2))
    scaled = binary(call, emitter, "multiply", binary(call, emitter, "multiply", centred, factor), scale)
    return pointwise(call, emitter, Add(), scaled, bias)


def rms_normalization(call: Call, emitter: Emitter) -> Variable:
    """RMSNormalization."""
    _single_precision(call)
    value = call.variable(0)
    (first,) = axes_of(call, (call.node.integer("axis", -1),), len(value.axes))
    axes = tuple(range(first, len(value.axes)))
    squares = binary(call, emitter, "multiply", value, value)
    factor = _inverse_root(call, emitter, _mean(call, emitter, squares, axes), _epsilon(call))
    return binary(call, emitter, "multiply", binary(call, emitter, "multiply", value, factor), call.operand(1))


def lp_normalization(call: Call, emitter: Emitter) -> Variable:
    """LpNormalization, p of 1 or 2; what has length 0 stays 0."""
    value, order = call.variable(0), call.node.integer("p", 2)
    axes = axes_of(call, (call.node.integer("axis", -1),), len(value.axes))
    if order not in (1, 2):
        raise InputError(f"has p {order}", place=call.node.place)
    function = {1: "l1", 2: "l2"}[order]
    length = reduced(call, emitter, lambda own: Reduce(function, own, keep_axes=True), value, axes, True)
    smallest = number(float(np.finfo(np.float32).smallest_subnormal))
    return binary(call, emitter, "divide", value, binary(call, emitter, "maximum", length, smallest))


def _single_precision(call: Call) -> None:
    if call.node.integer("stash_type", 1) != 1:
        raise call.unsupported("computes in another type than float32")


def _epsilon(call: Call) -> float:
    epsilon = call.node.number("epsilon", 1e-5)
    if epsilon < 0:
        raise InputError(f"has epsilon {epsilon:g}", place=call.node.place)
    return epsilon


def _mean(call: Call, emitter: Emitter, value: Variable, axes: tuple[int, ...]) -> Variable:
    return reduced(call, emitter, lambda own: Mean(axes=own, keep_axes=True), value, axes, True)


def _deviation(
    call: Call, emitter: Emitter, value: Variable, axes: tuple[int, ...], epsilon: float
) -> tuple[Variable, Variable, Variable]:
    """Mean, difference from it, and ``1 / sqrt(variance + epsilon)``."""
    mean = _mean(call, emitter, value, axes)
    centred = binary(call, emitter, "subtract", value, mean)
    variance = _mean(call, emitter, binary(call, emitter, "multiply", centred, centred), axes)
    return mean, centred, _inverse_root(call, emitter, variance, epsilon)


def _inverse_root(call: Call, emitter: Emitter, value: Variable, epsilon: float) -> Variable:
    return unary(call, emitter, "rsqrt", pointwise(call, emitter, Add(), value, number(epsilon)))


def _per_channel(call: Call, emitter: Emitter, value: Value, rank: int) -> Value:
    """A vector as a tensor that broadcasts along the channels."""
    shape = (-1, *[1] * (rank - 2))
    if isinstance(value, Constant):
        return Constant(value.name, value.real.reshape(shape))
    (size,) = emitter.shape(value)
    handle = emitter.reshaped(source_order(emitter, value), (size, *shape[1:]))
    return Variable(handle, value.dtype, tuple(range(rank - 1)))
