"""NumPy archives: arrays read from files nobody vouches for, and written whole or not at all.

An archive of a kilobyte can claim gigabytes, and a pickle inside one runs code: sizes are summed from the directory and
checked against each header before anything is unpacked, and object arrays are refused.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import InputError

LARGEST = 1 << 30
"""Bytes that all arrays of an archive may unpack to."""

Array = npt.NDArray[Any]


def read_npz(path: Path, names: Collection[str] | None = None, *, largest: int = LARGEST) -> dict[str, Array]:
    """The numeric arrays of an archive, by name; only those in ``names`` when given.

    Raises:
        InputError: the file is no NumPy archive, is damaged, holds objects or unpacks to more than ``largest`` bytes.
    """
    place = str(path)
    if not path.is_file():
        raise InputError("is no file" if path.exists() else "does not exist", place=place, remedy="check the path")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()
                       if info.filename.endswith(".npy")}  # fmt: skip
            wanted = {name: info for name, info in members.items() if names is None or name in names}
            claimed = sum(info.file_size for info in wanted.values())
            if claimed > largest:
                raise InputError(f"unpacks to {claimed} bytes, the limit is {largest}", place=place)
            return {name: _read(archive, info, f"{place}, array {name!r}") for name, info in wanted.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"is no NumPy archive: {error}", place=place, remedy="write it with numpy.savez") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=place) from None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> Array:
    with archive.open(info) as stream:
        data = stream.read(info.file_size)
    return read_npy(data, place)


def read_npy(data: bytes, place: str) -> Array:
    """The array in the bytes of a ``.npy`` file.

    Raises:
        InputError: it is damaged, holds objects, or its header claims another size than there is.
    """
    import io

    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0,
        }[version]  # fmt: skip
        shape, fortran, dtype = read_header(stream)
    except (ValueError, KeyError, TypeError, SyntaxError, OverflowError, RecursionError, MemoryError) as error:
        problem = " ".join(str(error).split())[:200]
        raise InputError(f"has no readable header: {problem}", place=place) from None
    if dtype.hasobject or dtype.kind not in "biuf":
        raise InputError(f"has type {dtype}, only numbers are read", place=place)
    count = 1
    for size in shape:
        count *= size
    body = data[stream.tell() :]
    if count < 0 or len(body) != count * dtype.itemsize:
        raise InputError(f"claims shape {list(shape)} but holds {len(body)} bytes", place=place)
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(array.astype(dtype.newbyteorder("="), copy=False)).reshape(shape)


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write an archive beside ``path``, then rename it.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".npz", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, allow_pickle=False, **dict(arrays))
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=str(path), remedy="name another file") from None
