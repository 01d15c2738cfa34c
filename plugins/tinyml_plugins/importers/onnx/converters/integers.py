"""Integers that stand for themselves: what computes with them, and scales that are computed on the device.

On the device an int8, uint8 or int16 tensor without a scale has the scale 1, so that whatever moves elements takes it
as it is. Sums of products are exact in float32 as long as they stay below 2^24: they are taken in parts which do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Add, MatMul, Quantize, Reduce, Select, Slice
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.onnx.converters.composition import (
    as_variable,
    axes_of,
    binary,
    cast,
    number,
    pointwise,
    reduced,
    shape_of,
    source_order,
    unary,
)
from tinyml_plugins.importers.onnx.converters.dimensions import one_or_two
from tinyml_plugins.importers.onnx.converters.linear import convolution
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable

PLAIN = {
    DType.INT8: Quantization.per_tensor(1.0, 0),
    DType.UINT8: Quantization.per_tensor(1.0, -128),
    DType.INT16: Quantization.per_tensor(1.0, 0),
}
"""Integers of the source -> what those of the device, int8 for uint8, stand for."""
EXACT = 1 << 24
"""The first sum that float32 might round."""
MOST_PARTS = 1024
"""Parts that a sum is taken in: each becomes a node."""
WITHIN = frozenset({"Clip", "Concat", "Gather", "Max", "Min", "Mod", "Relu", "Where"})
"""Operators whose results are as narrow as their operands."""


def widened(call: Call, emitter: Emitter, value: Value) -> Value:
    """``value`` as int32 where its integers are narrower, otherwise itself.

    Raises:
        UnsupportedError: its integers stand for other numbers.
    """
    if isinstance(value, Constant):
        narrow = value.quantization is None and value.data.dtype.name in {dtype.value for dtype in PLAIN}
        return Constant(value.name, value.data.astype(np.int32)) if narrow else value
    if value.dtype not in PLAIN:
        return value
    return cast(call, emitter, _numbers(call, emitter, value), DType.INT32)


def narrowed(call: Call, emitter: Emitter, value: Variable, dtype: DType) -> Variable:
    """An int32 ``value`` as a narrower ``dtype``; what does not fit wraps around."""
    if call.node.op_type not in WITHIN:
        low, high = dtype.limits
        shifted = binary(call, emitter, "subtract", value, number(low, DType.INT32))
        wrapped = binary(call, emitter, "modulo", shifted, number(high - low + 1, DType.INT32))
        value = pointwise(call, emitter, Add(), wrapped, number(low, DType.INT32))
    return _saturated(call, emitter, value, dtype)


def dynamic_quantize(call: Call, emitter: Emitter) -> tuple[Variable, Variable, Variable]:
    """DynamicQuantizeLinear: to uint8, by a scale that suits the input; 1 where that is all zeros."""
    value = call.variable(0)
    axes = tuple(range(len(value.axes)))
    low, high = (
        binary(call, emitter, bound, reduced(call, emitter, _reduction(name), value, axes, False), number(0.0))
        for name, bound in (("min", "minimum"), ("max", "maximum"))
    )
    step = binary(call, emitter, "divide", binary(call, emitter, "subtract", high, low), number(255.0))
    empty = binary(call, emitter, "equal", step, number(0.0))
    scale = pointwise(call, emitter, Select(), empty, number(1.0), step)
    wanted = binary(call, emitter, "divide", binary(call, emitter, "subtract", number(0.0), low), scale)
    bounded = binary(call, emitter, "minimum", binary(call, emitter, "maximum", wanted, number(0.0)), number(255.0))
    point = _saturated(call, emitter, unary(call, emitter, "round", bounded), DType.UINT8)
    return _quantized(call, emitter, value, scale, point, DType.UINT8), scale, point


def quantize(call: Call, emitter: Emitter) -> Variable:
    """QuantizeLinear by a scale that is computed, or one per channel."""
    value = call.variable(0)
    point = call.inputs[2] if len(call.inputs) > 2 else None
    dtype = DType.UINT8
    if point is not None:
        name = point.dtype.value if isinstance(point, Variable) else point.data.dtype.name
        found = next((each for each in PLAIN if each.value == name), None)
        if found is None:
            raise call.unsupported(f"quantises to {name}; int8, uint8 and int16 are known")
        dtype = found
    scale = _along_axis(call, emitter, call.operand(1), value)
    return _quantized(call, emitter, value, scale, point and _along_axis(call, emitter, point, value), dtype)


def dequantize(call: Call, emitter: Emitter) -> Variable:
    """DequantizeLinear by a scale that is computed, or one per channel."""
    value = call.variable(0)
    numbers = _numbers(call, emitter, value) if value.dtype in PLAIN else cast(call, emitter, value, DType.FLOAT32)
    if len(call.inputs) > 2 and call.inputs[2] is not None:
        point = _along_axis(call, emitter, call.operand(2), value)
        numbers = binary(call, emitter, "subtract", numbers, _numbers(call, emitter, point))
    return binary(call, emitter, "multiply", numbers, _along_axis(call, emitter, call.operand(1), value))


def matmul_integer(call: Call, emitter: Emitter) -> Variable:
    """MatMulInteger."""
    left, right = (
        _centred(call, emitter, call.operand(index), index + 2, -2 if index == 0 else -1) for index in (0, 1)
    )
    rank = min(len(shape_of(emitter, each)) for each in (left, right))
    length, other = shape_of(emitter, left)[-1], shape_of(emitter, right)[-2 if rank > 1 else 0]
    if rank < 2 or length != other:
        raise call.unsupported(f"multiplies {shape_of(emitter, left)} by {shape_of(emitter, right)}")
    part = (EXACT - 1) // (_largest(left) * _largest(right))
    _check_parts(call, length, part)
    parts = []
    for start in range(0, length, part):
        rows, columns = (
            as_variable(call, emitter, _part(call, emitter, value, axis, start, min(part, length - start)))
            for value, axis in ((left, -1), (right, -2))
        )
        handles = [source_order(emitter, rows), source_order(emitter, columns)]
        parts.append(emitter.emit(call, MatMul(), handles, range(max(len(rows.axes), len(columns.axes)))))
    return _sum(call, emitter, parts)


def convolution_integer(call: Call, emitter: Emitter) -> Variable:
    """ConvInteger with constant weights."""
    image, weights = _centred(call, emitter, call.variable(0), 2, None), call.constant(1)
    weights = Constant(weights.name, _centred_constant(call, weights, call.optional(3), 0))
    if weights.data.ndim < 3 or min(weights.data.shape) < 1:
        raise InputError(f"has weights of shape {list(weights.data.shape)}", place=call.node.place)
    groups, depth = call.node.integer("group", 1), weights.data.shape[1]
    part = (EXACT - 1) // (255 * _largest(weights) * int(np.prod(weights.data.shape[2:])))
    if part < (depth if groups != 1 else 1):
        raise call.unsupported(
            f"adds up {int(np.prod(weights.data.shape[1:]))} products per group, too many for float32"
        )
    _check_parts(call, depth, part)
    parts = []
    for start in range(0, depth, part):
        size = min(part, depth - start)
        inputs: list[Value | None] = [image, weights]
        if size < depth:
            inputs = [_part(call, emitter, each, 1, start, size) for each in (image, weights)]
        parts.append(one_or_two(convolution)(replace(call, inputs=tuple(inputs)), emitter))
    return _sum(call, emitter, parts)


def _check_parts(call: Call, length: int, part: int) -> None:
    if length > MOST_PARTS * part:
        raise call.unsupported(f"adds up {length} products in parts of {part}, more than {MOST_PARTS} parts")


def _numbers(call: Call, emitter: Emitter, value: Value) -> Value:
    """Integers as the same float32 numbers."""
    if isinstance(value, Constant):
        return Constant(value.name, value.data.astype(np.float32))
    if value.dtype in PLAIN and emitter.tensor(value).quantization != PLAIN[value.dtype]:
        raise call.unsupported("computes with integers that have a scale", "put a DequantizeLinear before it")
    return emitter.dequantized(value) if value.dtype in PLAIN else cast(call, emitter, value, DType.FLOAT32)


def _saturated(call: Call, emitter: Emitter, value: Variable, dtype: DType) -> Variable:
    """Whole numbers, int32 or float32, as ``dtype``; what does not fit becomes the nearest that does."""
    real = cast(call, emitter, value, DType.FLOAT32)
    assert isinstance(real, Variable)
    op = Quantize("int16" if dtype is DType.INT16 else "int8")
    return Variable(emitter.step(f"{call.name}/{dtype.value}", op, real.handle, PLAIN[dtype]), dtype, real.axes)


def _quantized(
    call: Call, emitter: Emitter, value: Variable, scale: Value, point: Value | None, dtype: DType
) -> Variable:
    rounded = unary(call, emitter, "round", binary(call, emitter, "divide", value, scale))
    if point is not None:
        rounded = pointwise(call, emitter, Add(), rounded, _numbers(call, emitter, point))
    return _saturated(call, emitter, rounded, dtype)


def _along_axis(call: Call, emitter: Emitter, parameter: Value, value: Variable) -> Value:
    """One number, or one per index of the axis that the node names, as what broadcasts to ``value``."""
    shape, rank = shape_of(emitter, parameter), len(value.axes)
    if int(np.prod(shape)) == 1:
        return parameter
    (axis,) = axes_of(call, (call.node.integer("axis", 1),), rank)
    if len(shape) != 1 or shape[0] != emitter.shape(value)[axis]:
        raise InputError(f"has parameters of shape {list(shape)}", place=call.node.place)
    return _shaped(emitter, parameter, (-1, *[1] * (rank - 1 - axis)), shape[0])


def _shaped(emitter: Emitter, value: Value, shape: Sequence[int], size: int) -> Value:
    """A vector of ``size`` under another shape, where -1 stands for the size."""
    if isinstance(value, Constant):
        return Constant(value.name, value.data.reshape(shape), value.quantization)
    sizes = [size if each == -1 else each for each in shape]
    return Variable(emitter.reshaped(value.handle, sizes), value.dtype, tuple(range(len(sizes))))


def _centred(call: Call, emitter: Emitter, value: Value, point_index: int, axis: int | None) -> Value:
    """An operand less its zero point, in float32; one point for all, or one per index of ``axis``, -1 or -2."""
    point = call.inputs[point_index] if len(call.inputs) > point_index else None
    if point is not None:
        size = int(np.prod(shape_of(emitter, point)))
        if size > 1:
            if axis is None or len(shape_of(emitter, point)) != 1 or size != shape_of(emitter, value)[axis]:
                raise call.unsupported(f"has zero points of shape {list(shape_of(emitter, point))}")
            point = _shaped(emitter, point, (-1, 1) if axis == -2 else (-1,), size)
    if isinstance(value, Constant) and (point is None or isinstance(point, Constant)):
        data = value.data.astype(np.float32)
        return Constant(value.name, data if point is None else data - point.data.astype(np.float32))
    if isinstance(value, Variable) and value.dtype not in (DType.INT8, DType.UINT8):
        raise InputError(f"multiplies {value.dtype.value}, int8 and uint8 are defined", place=call.node.place)
    numbers = _numbers(call, emitter, value)
    if point is None or (isinstance(point, Constant) and not point.data.any()):
        return numbers
    return binary(call, emitter, "subtract", numbers, _numbers(call, emitter, point))


def _centred_constant(call: Call, value: Constant, point: Constant | None, axis: int) -> np.ndarray:
    data = value.data.astype(np.float32)
    if point is None:
        return data
    if point.data.size not in (1, data.shape[axis] if data.ndim else 1):
        raise InputError(f"has {point.data.size} zero points", place=call.node.place)
    return data - point.data.astype(np.float32).reshape(-1, *[1] * (data.ndim - 1))


def _largest(value: Value) -> int:
    """The greatest magnitude that an operand may have."""
    return max(1, int(np.abs(value.data).max(initial=0))) if isinstance(value, Constant) else 255


def _part(call: Call, emitter: Emitter, value: Value, axis: int, start: int, size: int) -> Value:
    """``size`` indices of an axis, from ``start`` on."""
    if isinstance(value, Constant):
        return Constant(f"{value.name}/{start}", np.take(value.data, range(start, start + size), axis=axis))
    value = emitter.plain(value)
    shape = emitter.tensor(value).shape
    own = value.axes.index(axis % len(shape))
    if size == shape[own]:
        return value
    starts, sizes = [0] * len(shape), list(shape)
    starts[own], sizes[own] = start, size
    return emitter.emit(call, Slice(tuple(starts), tuple(sizes), (1,) * len(shape)), [value.handle], value.axes)


def _sum(call: Call, emitter: Emitter, parts: Sequence[Variable]) -> Variable:
    wide = [cast(call, emitter, part, DType.INT32) for part in parts]
    result = reduce(lambda left, right: pointwise(call, emitter, Add(), left, right), wide)
    assert isinstance(result, Variable)
    return result


def _reduction(name: str) -> Callable[[tuple[int, ...]], Reduce]:
    return lambda own: Reduce(name, own, keep_axes=False)
