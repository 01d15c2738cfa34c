"""Composition: the few steps that most converters consist of, on values in whatever layout they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Binary, Cast, Reshape, Unary
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable


def shape_of(emitter: Emitter, value: Value) -> tuple[int, ...]:
    """The shape in the source."""
    return emitter.shape(value) if isinstance(value, Variable) else value.data.shape


def pointwise(call: Call, emitter: Emitter, op: Operator, *values: Value) -> Variable:
    """``op`` over ``values``, which broadcast to one another.

    The result lies as the first variable of the full rank does.
    """
    variables = [value for value in values if isinstance(value, Variable)]
    if all((value.axes, value.flattened) == (variables[0].axes, variables[0].flattened) for value in variables) and (
        len(variables) == len(values)
    ):
        result = emitter.emit(call, op, [value.handle for value in variables], variables[0].axes)
        return replace(result, flattened=variables[0].flattened)
    rank = max(len(shape_of(emitter, value)) for value in values)
    layouts = [value.axes for value in variables if len(value.axes) == rank]
    axes = layouts[0] if layouts else tuple(range(rank))
    return emitter.emit(call, op, [_aligned(call, emitter, value, axes) for value in values], axes)


def _aligned(call: Call, emitter: Emitter, value: Value, axes: Sequence[int]) -> str:
    """The handle of ``value`` with as many axes as ``axes`` has, in that layout."""
    missing = len(axes) - len(shape_of(emitter, value))
    if isinstance(value, Constant):
        data, quantization = emitter.on_device(call, value)
        data = data.reshape((1,) * missing + data.shape).transpose(axes)
        return emitter.constant(f"{value.name}/{call.name}", data, quantization)
    if missing:
        own = range(len(value.axes))
        handle = emitter.reshaped(emitter.laid_out(value, own), (1,) * missing + emitter.shape(value))
        value = Variable(handle, value.dtype, tuple(range(len(axes))))
    return emitter.laid_out(value, axes)


def unary(call: Call, emitter: Emitter, function: str, value: Value, alpha: float = 0.0, beta: float = 0.0) -> Variable:
    """A function of one operand."""
    return pointwise(call, emitter, Unary(function=function, alpha=alpha, beta=beta), value)


def binary(call: Call, emitter: Emitter, function: str, left: Value, right: Value) -> Variable:
    """A function of two operands."""
    return pointwise(call, emitter, Binary(function=function, activation=call.activation), left, right)


def number(value: float, dtype: DType = DType.FLOAT32) -> Constant:
    """A constant that is one number."""
    return Constant("number", np.array(value, dtype.numpy))


def cast(call: Call, emitter: Emitter, value: Value, dtype: DType) -> Value:
    """``value`` in another type."""
    if isinstance(value, Constant):
        return Constant(value.name, value.data.astype(dtype.numpy))
    return value if value.dtype is dtype else pointwise(call, emitter, Cast(dtype=dtype.value), value)


def axes_of(call: Call, given: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes of a tensor of ``rank``, none negative; raises InputError where they do not suit it."""
    if any(not -rank <= axis < rank for axis in given) or len({axis % rank for axis in given}) != len(given):
        raise InputError(f"has the axes {list(given)[:9]} for a tensor of rank {rank}", place=call.node.place)
    return tuple(axis % rank for axis in given)


def reduced(
    call: Call, emitter: Emitter, make: Callable[[tuple[int, ...]], Operator], value: Variable, axes: Sequence[int],
    keep: bool,
) -> Variable:  # fmt: skip
    """The operator that ``make`` returns for the axes on the device; ``axes`` are the source's."""
    value = emitter.plain(value)
    op = make(tuple(index for index, axis in enumerate(value.axes) if axis in axes))
    left = value.axes
    if not keep:
        kept = sorted(set(left) - set(axes))
        left = tuple(kept.index(axis) for axis in left if axis not in axes)
    return emitter.emit(call, op, [value.handle], left)


def source_order(emitter: Emitter, value: Variable) -> str:
    """The handle of ``value`` in the order of the source."""
    return emitter.laid_out(value, range(len(value.axes)))


def as_variable(call: Call, emitter: Emitter, value: Value) -> Variable:
    """``value``, a constant put into the graph."""
    if isinstance(value, Variable):
        return value
    data, quantization = emitter.on_device(call, value)
    handle = emitter.constant(f"{value.name}/{call.name}", data, quantization)
    return Variable(handle, DType(data.dtype.name), tuple(range(data.ndim)))


def reshaped(call: Call, emitter: Emitter, value: Variable, shape: Sequence[int]) -> Variable:
    """The elements of ``value``, in the source's order, under another shape."""
    handle = source_order(emitter, value)
    tensor = emitter.builder.tensor(handle)
    if tensor.shape != tuple(shape):
        handle = emitter.step(f"{handle}/reshaped", Reshape(tuple(shape)), handle, tensor.quantization)
    return Variable(handle, value.dtype, tuple(range(len(shape))))
