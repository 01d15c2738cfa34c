"""The TensorFlow Lite schema, version 3, as far as it says what a network computes.

Source: ``tensorflow/compiler/mlir/lite/schema/schema.fbs``. Fields stand in the order of the schema, which is their
number in a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.tflite.flatbuffer import (
    BOOL,
    INT8,
    INT32,
    UINT8,
    UINT32,
    UINT64,
    Union,
    numbers,
    octets,
    present,
    scalar,
    table,
    tables,
    text,
    union,
)

IDENTIFIER = b"TFL3"
VERSION = 3
CUSTOM = 32
"""Builtin code of an operator that only its ``custom_code`` names."""

TYPE_NAMES = (
    "FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64", "INT8", "FLOAT64",
    "COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4", "BFLOAT16", "INT2", "UINT4",
    "FLOAT8_E4M3FN", "FLOAT8_E5M2",
)  # fmt: skip
"""Element types, by number."""

TYPES: dict[str, DType] = {dtype.name: dtype for dtype in DType}
"""Element types that a graph has."""


@dataclass(frozen=True)
class Buffer:
    """Bytes of a constant; an empty one belongs to variables. ``offset`` leads outside the flatbuffer."""

    data: npt.NDArray[Any] | None = octets()  # noqa: RUF009 - a field, not a value
    offset: int = scalar(UINT64)
    size: int = scalar(UINT64)


@dataclass(frozen=True)
class QuantizationParameters:
    """Scales and zero points, one or one for each index along ``quantized_dimension``."""

    min: bool = present()
    max: bool = present()
    scale: tuple[float, ...] = numbers("<f4")
    zero_point: tuple[int, ...] = numbers("<i8")
    details_type: int = scalar(UINT8)
    details: bool = present()
    quantized_dimension: int = scalar(INT32)


@dataclass(frozen=True)
class TensorRecord:
    """A tensor; ``shape_signature`` has -1 where the author left a size open that ``shape`` gives as 1."""

    shape: tuple[int, ...] = numbers("<i4")
    type: int = scalar(INT8)
    buffer: int = scalar(UINT32)
    name: str = text()
    quantization: QuantizationParameters | None = table(QuantizationParameters)  # noqa: RUF009 - a field, not a value
    is_variable: bool = scalar(BOOL, False)
    sparsity: bool = present()
    shape_signature: tuple[int, ...] = numbers("<i4")
    has_rank: bool = scalar(BOOL, False)
    variant_tensors: bool = present()
    external_buffer: int = scalar(UINT32)


@dataclass(frozen=True)
class OperatorCode:
    """Which operator; the greater of the two codes holds."""

    deprecated_builtin_code: int = scalar(INT8)
    custom_code: str = text()
    version: int = scalar(INT32, 1)
    builtin_code: int = scalar(INT32)

    @property
    def code(self) -> int:
        """Number of the operator in the schema."""
        return max(self.deprecated_builtin_code, self.builtin_code)


@dataclass(frozen=True)
class OperatorRecord:
    """One operation over tensor indices, -1 for an optional input left out."""

    opcode_index: int = scalar(UINT32)
    inputs: tuple[int, ...] = numbers("<i4")
    outputs: tuple[int, ...] = numbers("<i4")
    builtin_options_type: int = scalar(UINT8)
    builtin_options: Union | None = union()  # noqa: RUF009 - a field, not a value
    custom_options: bool = present()
    custom_options_format: int = scalar(INT8)
    mutating_variable_inputs: tuple[bool, ...] = numbers("?")
    intermediates: tuple[int, ...] = numbers("<i4")
    large_custom_options_offset: int = scalar(UINT64)
    large_custom_options_size: int = scalar(UINT64)
    builtin_options_2_type: int = scalar(UINT8)
    builtin_options_2: bool = present()
    debug_metadata_index: int = scalar(INT32, -1)


@dataclass(frozen=True)
class SubGraph:
    """Tensors, and operators in execution order."""

    tensors: tuple[TensorRecord, ...] = tables(TensorRecord)
    inputs: tuple[int, ...] = numbers("<i4")
    outputs: tuple[int, ...] = numbers("<i4")
    operators: tuple[OperatorRecord, ...] = tables(OperatorRecord)
    name: str = text()
    debug_metadata_index: int = scalar(INT32, -1)


@dataclass(frozen=True)
class Metadata:
    """A named buffer; all but compression is commentary."""

    name: str = text()
    buffer: int = scalar(UINT32)


@dataclass(frozen=True)
class Model:
    """The root of a file."""

    version: int = scalar(UINT32)
    operator_codes: tuple[OperatorCode, ...] = tables(OperatorCode)
    subgraphs: tuple[SubGraph, ...] = tables(SubGraph)
    description: str = text()
    buffers: tuple[Buffer, ...] = tables(Buffer)
    metadata_buffer: bool = present()
    metadata: tuple[Metadata, ...] = tables(Metadata)
    signature_defs: bool = present()
