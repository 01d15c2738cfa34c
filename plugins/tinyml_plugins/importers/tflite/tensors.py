"""Tensors of a file as tensors of a graph: type, shape, quantisation and data, everything unknown refused by name."""

from __future__ import annotations

import math

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.tensor import Array, DType, Quantization, Tensor
from tinyml_plugins.importers.tflite.schema import TYPE_NAMES, TYPES, Buffer, QuantizationParameters, TensorRecord

HIGHEST_RANK = 8
"""Axes of a tensor; TensorFlow Lite Micro has up to 6."""


def convert_tensor(record: TensorRecord, name: str, buffer: Buffer | None, place: str) -> Tensor:
    """The tensor behind a record; ``buffer`` is its own, None for that of a variable.

    Raises:
        InputError: sizes, data or quantisation contradict each other.
        UnsupportedError: it is of a type or kind that graphs do not have.
    """
    _refuse_unknown_kinds(record, place)
    dtype = _dtype(record.type, place)
    shape = record.shape
    if len(shape) > HIGHEST_RANK:
        raise UnsupportedError(f"has {len(shape)} axes, up to {HIGHEST_RANK} are known", place=place)
    if any(size < 0 for size in shape):
        raise UnsupportedError(
            f"has the dynamic shape {list(shape)}", place=place, remedy="convert the network with fixed sizes"
        )
    if any(size == 0 for size in shape):
        raise InputError(f"has no elements, its shape is {list(shape)}", place=place)
    data = None if buffer is None else _data(buffer, dtype, shape, place)
    return Tensor(name, shape, dtype, _quantization(record.quantization, dtype, place), data)


def _refuse_unknown_kinds(record: TensorRecord, place: str) -> None:
    for present, what in (
        (record.is_variable, "is a variable that keeps its value between inferences"),
        (record.sparsity, "is sparse"),
        (record.variant_tensors, "is a variant tensor"),
        (record.external_buffer, "has its data in an external buffer"),
    ):
        if present:
            raise UnsupportedError(f"{what}, which is not known", place=place)


def _dtype(number: int, place: str) -> DType:
    name = TYPE_NAMES[number] if 0 <= number < len(TYPE_NAMES) else f"number {number}"
    if name not in TYPES:
        raise UnsupportedError(f"has element type {name}; known are {', '.join(TYPES)}", place=place)
    return TYPES[name]


def _data(buffer: Buffer, dtype: DType, shape: tuple[int, ...], place: str) -> Array | None:
    if buffer.offset > 1 or buffer.size > 1:
        raise UnsupportedError("has its data outside the flatbuffer, which is not known", place=place)
    if buffer.data is None or len(buffer.data) == 0:
        return None
    needed = math.prod(shape) * dtype.size
    if len(buffer.data) != needed:
        raise InputError(f"has {len(buffer.data)} bytes of data, its shape {list(shape)} needs {needed}", place=place)
    stored = buffer.data.view(dtype.numpy.newbyteorder("<")) if dtype is not DType.BOOL else buffer.data != 0
    return stored.reshape(shape).astype(dtype.numpy, copy=False)


def _quantization(record: QuantizationParameters | None, dtype: DType, place: str) -> Quantization | None:
    if record is None or not (record.scale or record.zero_point) or not dtype.is_integer:
        return None  # the range that trainers leave on float tensors computes nothing
    if record.details_type:
        raise UnsupportedError("has custom quantisation, which is not known", place=place)
    if len(record.scale) != len(record.zero_point):
        raise InputError(f"has {len(record.scale)} scales and {len(record.zero_point)} zero points", place=place)
    if dtype is DType.INT16 and any(record.zero_point):
        raise UnsupportedError("is int16 with a zero point, which is not known", place=place)
    axis = record.quantized_dimension if len(record.scale) > 1 else None
    return Quantization(record.scale, record.zero_point, axis)
