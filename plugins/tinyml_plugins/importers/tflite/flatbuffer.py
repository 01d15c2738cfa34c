"""Flatbuffer reader: declared records out of bytes that nobody vouches for.

A record is a frozen dataclass whose fields, in the order of the schema, say how they are read (:func:`scalar`,
:func:`numbers`, :func:`tables` and so on). Every position is checked before it is read. Offsets may legally be shared,
so a small file can claim any number of tables; :data:`MOST_STEPS` bounds the work. Records do not nest in themselves,
which bounds the depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from flatbuffers import encode, number_types

from tinyml_core.errors import InputError, UnsupportedError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")
Read = Callable[["Reader", int], Any]

MOST_STEPS = 250_000
"""Fields and vector elements read from one file, which takes about a second; networks of microcontrollers need some ten
thousand."""

BOOL, INT8, UINT8 = number_types.BoolFlags, number_types.Int8Flags, number_types.Uint8Flags
INT32, UINT32, UINT64 = number_types.Int32Flags, number_types.Uint32Flags, number_types.Uint64Flags
FLOAT32 = number_types.Float32Flags
_UINT16, _OFFSET = number_types.Uint16Flags, number_types.UOffsetTFlags


@dataclass(frozen=True)
class Union:
    """Where the table of a union starts; another field of the record says which record it is."""

    position: int


class Reader:
    """Checked access to one flatbuffer; ``place`` is how errors name the file."""

    def __init__(self, data: bytes, place: str) -> None:
        self._data, self._place, self._steps = data, place, 0

    def number(self, flags: Any, position: int) -> Any:  # noqa: ANN401 - a number of the type that flags names
        """The number stored at a position."""
        self._require(position, flags.bytewidth)
        return encode.Get(flags.packer_type, self._data, position)

    def target(self, position: int) -> int:
        """The position that the offset stored at ``position`` leads to."""
        return position + int(self.number(_OFFSET, position))

    def vector(self, position: int, width: int) -> tuple[int, int]:
        """Start and length of the vector of elements of ``width`` bytes that ``position`` refers to."""
        start = self.target(position)
        length = int(self.number(_OFFSET, start))
        self._require(start + 4, length * width)
        return start + 4, length

    def array(self, position: int, dtype: str) -> npt.NDArray[Any]:
        """The vector of numbers that ``position`` refers to, not copied."""
        item = np.dtype(dtype)
        start, length = self.vector(position, item.itemsize)
        return np.frombuffer(self._data, item, length, start)

    def table(self, record: type[R], position: int) -> R:
        """The table that starts at ``position``.

        Raises:
            InputError: it does not lie within the file.
            UnsupportedError: it has a field that ``record`` does not declare.
        """
        declared = fields(record)
        vtable = position - self.number(INT32, position)
        size = self.number(_UINT16, vtable)
        self._require(vtable, size)
        if size < 4:
            raise InputError(f"is damaged: the table at {position} has no layout", place=self._place)
        values: dict[str, Any] = {}
        for slot in range((size - 4) // 2):
            self.spend(1)
            offset = self.number(_UINT16, vtable + 4 + 2 * slot)
            if offset and slot >= len(declared):
                raise UnsupportedError(
                    f"{record.__name__} has field number {slot}, which is newer than this importer",
                    place=self._place,
                    remedy="convert it with an earlier version of TensorFlow",
                )
            if offset:
                read: Read = declared[slot].metadata["read"]
                values[declared[slot].name] = read(self, position + offset)
        return record(**values)

    def spend(self, steps: int) -> None:
        """Count work done."""
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise InputError(f"claims more than {MOST_STEPS} fields and elements", place=self._place)

    def _require(self, position: int, size: int) -> None:
        if not 0 <= position <= len(self._data) - size:
            raise InputError(
                f"is damaged: {size} bytes at {position} lie outside its {len(self._data)} bytes", place=self._place,
                remedy="get the file again",
            )  # fmt: skip


def _declare(default: object, read: Read) -> Any:  # noqa: ANN401 - dataclass fields are declared with Any
    return field(default=default, metadata={"read": read})


def scalar(flags: object, default: float = 0) -> Any:  # noqa: ANN401
    """A number of a type of ``flatbuffers.number_types``."""
    return _declare(default, lambda reader, position: reader.number(flags, position))


def numbers(dtype: str) -> Any:  # noqa: ANN401
    """A vector of numbers as a tuple."""

    def read(reader: Reader, position: int) -> tuple[Any, ...]:
        values = reader.array(position, dtype)
        reader.spend(len(values))
        return tuple(values.tolist())

    return _declare((), read)


def octets() -> Any:  # noqa: ANN401
    """A vector of bytes as an array that shares the file's memory; None when absent."""
    return _declare(None, lambda reader, position: reader.array(position, "u1"))


def text() -> Any:  # noqa: ANN401
    """A string: invalid UTF-8, control and formatting characters become U+FFFD, the rest after 200 characters goes."""

    def read(reader: Reader, position: int) -> str:
        characters = reader.array(position, "u1")[:800].tobytes().decode("utf-8", "replace")[:200]
        return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in characters)

    return _declare("", read)


def table(record: type[DataclassInstance]) -> Any:  # noqa: ANN401
    """Another table, or None."""
    return _declare(None, lambda reader, position: reader.table(record, reader.target(position)))


def tables(record: type[DataclassInstance]) -> Any:  # noqa: ANN401
    """A vector of tables as a tuple."""

    def read(reader: Reader, position: int) -> tuple[Any, ...]:
        start, length = reader.vector(position, 4)
        reader.spend(length)
        return tuple(reader.table(record, reader.target(start + 4 * index)) for index in range(length))

    return _declare((), read)


def union() -> Any:  # noqa: ANN401
    """A table of a type told elsewhere, as a :class:`Union`; None when absent."""
    return _declare(None, lambda reader, position: Union(reader.target(position)))


def present() -> Any:  # noqa: ANN401
    """Whether a field is there, whatever it holds."""
    return _declare(False, lambda reader, position: True)
