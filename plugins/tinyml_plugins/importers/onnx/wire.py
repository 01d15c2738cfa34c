"""Wire format: counts the fields of a protobuf message before it is parsed.

Two bytes in a file can become a message of some three hundred in memory, so that a file of a few megabytes would fill
gigabytes. Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from typing import Any

from tinyml_core.errors import InputError

MOST_FIELDS = 1 << 18
"""Fields in a whole file: some ten thousand nodes."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def check_fields(data: bytes, descriptor: Any) -> None:  # noqa: ANN401 - protobuf classes carry no types
    """Walk the messages in ``data``, the outermost of type ``descriptor``.

    Raises:
        InputError: there are more than :data:`MOST_FIELDS` fields, or a field does not fit where it stands.
    """
    count = 0
    waiting = [(0, len(data), descriptor)]
    while waiting:
        position, end, kind = waiting.pop()
        while position < end:
            count += 1
            if count > MOST_FIELDS:
                raise InputError(f"has more than {MOST_FIELDS} fields", remedy="save constants as raw data")
            tag, position = _varint(data, position, end)
            wire = tag & 7
            size = {_FIXED64: 8, _FIXED32: 4}.get(wire)
            if wire in (_VARINT, _BYTES):
                size, position = _varint(data, position, end)
                size = 0 if wire == _VARINT else size
            if size is None or position + size > end:
                raise _damaged()
            if wire == _BYTES:
                field = kind.fields_by_number.get(tag >> 3)
                if field is not None and field.message_type is not None:
                    waiting.append((position, position + size, field.message_type))
            position += size


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    value = 0
    for index in range(position, min(position + 10, end)):
        value |= (data[index] & 127) << (7 * (index - position))
        if data[index] < 128:
            return value, index + 1
    raise _damaged()


def _damaged() -> InputError:
    return InputError("is no ONNX model or is damaged", remedy="export it again")
