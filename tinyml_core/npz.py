"""NumPy archives: arrays read from files nobody vouches for, and written whole or not at all.

An archive of a kilobyte can claim gigabytes, and a pickle inside one runs code: sizes are checked as declared, in the
archive's directory and in each array's header, before anything is unpacked, and only numbers are read.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import InputError
from tinyml_core.input_file import require_file

LARGEST = 1 << 30
"""Bytes that all arrays of an archive may unpack to."""
DEFECTS = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, TypeError, NotImplementedError, RuntimeError,
    MemoryError, SyntaxError, tokenize.TokenError, OverflowError,
)  # fmt: skip
"""What zipfile and NumPy raise on a damaged, encrypted or foreign archive."""

Array = npt.NDArray[Any]


def read_npz(
    path: Path, names: Collection[str] | None = None, *, largest: int = LARGEST, element_bytes: int = 1
) -> dict[str, Array]:
    """The numeric arrays of an archive, by name; only those in ``names`` when given.

    ``largest`` bounds their bytes together, where each element counts at least ``element_bytes`` (for a caller who will
    widen them).

    Raises:
        InputError: the file is no NumPy archive, is damaged, holds something else than numbers, or is too large.
    """
    place = str(path)
    require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(sum(info.file_size for info in archive.infolist()), largest, place)
            found = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            wanted = {name: f"{place}: array {name}" for name in found if names is None or name in names}
            _check_size(sum(_declared(archive, name, element_bytes, wanted[name]) for name in wanted), largest, place)
            return {name: read_npy(archive.read(f"{name}.npy"), wanted[name]) for name in wanted}
    except DEFECTS as error:
        raise InputError(
            f"is no readable .npz file ({type(error).__name__})", place=place, remedy="write it with numpy.savez"
        ) from None


def read_npy(data: bytes, place: str) -> Array:
    """The array in the bytes of a ``.npy`` file.

    Raises:
        InputError: it is damaged, holds something else than numbers, or claims another size than there is.
    """
    stream = io.BytesIO(data)
    try:
        shape, fortran, dtype = _header(stream, place)
        array = np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
    except DEFECTS as error:
        raise InputError(f"is damaged ({type(error).__name__})", place=place, remedy="write it again") from None
    return np.array(array, dtype.newbyteorder("="), order="C")


def _header(stream: IO[bytes], place: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    if dtype.kind not in "biuf":
        raise InputError(f"holds {dtype.name}, not numbers", place=place, remedy="save numbers only")
    if any(size < 0 for size in shape):
        raise InputError("has a negative size", place=place, remedy="write it with numpy.savez")
    return shape, fortran, dtype


def _check_size(declared: int, largest: int, place: str) -> None:
    if declared > largest:
        raise InputError(f"declares {declared} bytes, the limit is {largest}", place=place, remedy="give fewer samples")


def _declared(archive: zipfile.ZipFile, name: str, element_bytes: int, place: str) -> int:
    with archive.open(f"{name}.npy") as stream:
        shape, _, dtype = _header(stream, place)
    return math.prod(shape) * max(dtype.itemsize, element_bytes)


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write an archive beside ``path``, then rename it.

    Raises:
        InputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(buffer.getvalue())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=str(path), remedy="name another file") from None
