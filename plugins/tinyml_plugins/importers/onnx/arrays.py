"""Arrays: an initialiser or constant of a file as a NumPy array, once its declared size is what is really there."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_plugins.importers.onnx.network import Array, printable

NUMPY_TYPES: dict[int, tuple[str, str]] = {
    TensorProto.FLOAT: ("float32", "float_data"),
    TensorProto.DOUBLE: ("float64", "double_data"),
    TensorProto.INT8: ("int8", "int32_data"),
    TensorProto.UINT8: ("uint8", "int32_data"),
    TensorProto.INT16: ("int16", "int32_data"),
    TensorProto.UINT16: ("uint16", "int32_data"),
    TensorProto.INT32: ("int32", "int32_data"),
    TensorProto.INT64: ("int64", "int64_data"),
    TensorProto.BOOL: ("bool", "int32_data"),
}
"""ONNX type -> NumPy name and the field that holds values which are not raw bytes."""


def type_name(code: int) -> str:
    """The ONNX name of an element type."""
    return TensorProto.DataType.Name(code) if code in TensorProto.DataType.values() else f"number {code}"


def read_array(tensor: TensorProto, place: str) -> Array:
    """The array in ``tensor``; ``place`` starts the messages.

    Raises:
        InputError: sizes are negative or do not agree with the data.
        UnsupportedError: the data lies in another file, or the type is not known.
    """
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise UnsupportedError(
            "keeps its data in another file, which is never opened", place=place,
            remedy="save the model in one piece: onnx.save_model(model, path, save_as_external_data=False)",
        )  # fmt: skip
    if tensor.data_type not in NUMPY_TYPES:
        raise UnsupportedError(f"has elements of type {type_name(tensor.data_type)}", place=place)
    if tensor.HasField("segment"):
        raise UnsupportedError("is a segment of a larger tensor", place=place)
    name, field = NUMPY_TYPES[tensor.data_type]
    dtype = np.dtype(name).newbyteorder("<")
    shape = tuple(int(size) for size in tensor.dims)
    if any(size < 0 for size in shape) or len(shape) > 8:
        raise InputError(f"has the shape {list(shape)[:9]}", place=place)
    count = math.prod(shape)
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != count * dtype.itemsize:
            raise InputError(
                f"claims {count} elements of {dtype.itemsize} bytes and holds {len(tensor.raw_data)} bytes", place=place
            )
        if name == "bool":
            return np.frombuffer(tensor.raw_data, np.uint8).reshape(shape).astype(np.bool_)
        return np.frombuffer(tensor.raw_data, dtype).reshape(shape).astype(name)
    values = getattr(tensor, field)
    if len(values) != count:
        raise InputError(f"claims {count} elements and holds {len(values)}", place=place)
    wide = np.array(values, {"float_data": np.float32, "double_data": np.float64}.get(field, np.int64))
    narrow = wide.astype(name)
    if field == "int32_data" and not np.array_equal(narrow, wide):
        raise InputError(f"holds values that are no {printable(name)}", place=place)
    return narrow.reshape(shape)
