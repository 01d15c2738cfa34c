"""Saving and loading graphs: one ``.tinyml`` file, without loss and, for equal graphs, byte for byte the same.

The file is a zip archive, not compressed: ``graph.json`` (see :mod:`~tinyml_core.graph.document`) and, for the constant
that stands i-th among the tensors, ``data/i.npy``. Nothing in it is executed or unpacked to disk, and no size that it
claims is believed before it is checked.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyml_core.errors import GraphError, InputError
from tinyml_core.graph.document import read_document, write_document
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import Array, Tensor
from tinyml_core.graph.verify import verify
from tinyml_core.npz import DEFECTS, read_npy

DOCUMENT = "graph.json"
LARGEST_DOCUMENT = 1 << 24
"""Bytes of JSON that are read: some ten thousand nodes."""
LARGEST_FILE = 1 << 30
"""Bytes that all members of a file may unpack to."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save(graph: Graph, path: Path) -> None:
    """Write ``graph`` to ``path``: beside it first, then renamed, so that nothing half-written stays.

    Raises:
        InputError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            with zipfile.ZipFile(partial, "w") as archive:
                archive.writestr(zipfile.ZipInfo(DOCUMENT, _EPOCH), write_document(graph))
                for index, tensor in _constants(graph):
                    archive.writestr(zipfile.ZipInfo(_member(index), _EPOCH), _npy(tensor))
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=str(path), remedy="name another file") from None


def load(path: Path) -> Graph:
    """The verified graph in a file.

    Raises:
        InputError: the file is missing, damaged, larger than it may be, or what it holds is no valid graph.
    """
    place = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = _read(archive, place)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=place, remedy="check the path") from None
    except DEFECTS as error:
        raise InputError(f"is no saved graph: {error}", place=place, remedy="write it again") from None
    return _graph(members, place)


def digest(graph: Graph) -> str:
    """SHA-256, in hexadecimal, over all that :func:`save` stores: the same on every machine and with every NumPy."""
    content = hashlib.sha256(write_document(graph))
    for _, tensor in _constants(graph):
        assert tensor.data is not None
        content.update(_little_endian(tensor.data).tobytes())
    return content.hexdigest()


def _constants(graph: Graph) -> list[tuple[int, Tensor]]:
    return [(index, tensor) for index, tensor in enumerate(graph.tensors.values()) if tensor.data is not None]


def _member(index: int) -> str:
    return f"data/{index}.npy"


def _little_endian(data: Array) -> Array:
    return data.astype(data.dtype.newbyteorder("<"), order="C", copy=False)


def _npy(tensor: Tensor) -> bytes:
    assert tensor.data is not None
    stream = io.BytesIO()
    np.lib.format.write_array(stream, _little_endian(tensor.data), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _read(archive: zipfile.ZipFile, place: str) -> dict[str, bytes]:
    """The members of an archive, once their number, names and sizes are known to be harmless."""
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    if len(sizes) != len(archive.infolist()):
        raise InputError("holds two members of the same name", place=place)
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise InputError("is compressed, which saved graphs are not", place=place)
    if sum(sizes.values()) > LARGEST_FILE:
        raise InputError(f"unpacks to {sum(sizes.values())} bytes, the limit is {LARGEST_FILE}", place=place)
    if DOCUMENT not in sizes:
        raise InputError(f"holds no {DOCUMENT}", place=place, remedy="give a file written by tinyml")
    if sizes[DOCUMENT] > LARGEST_DOCUMENT:
        raise InputError(f"is larger than {LARGEST_DOCUMENT} bytes", place=f"{place}, {DOCUMENT}")
    return {name: archive.read(name) for name in sizes}


def _graph(members: dict[str, bytes], place: str) -> Graph:
    graph, constants = read_document(members[DOCUMENT], f"{place}, {DOCUMENT}")
    expected = {_member(index): name for index, name in enumerate(graph.tensors) if name in constants}
    for member in sorted(members.keys() - expected.keys() - {DOCUMENT}):
        raise InputError(f"holds the unexpected member {member!r}", place=place)
    tensors = dict(graph.tensors)
    for member, name in expected.items():
        if member not in members:
            raise InputError(f"lacks {member}, the data of tensor {name!r}", place=place)
        tensors[name] = replace(tensors[name], data=read_npy(members[member], f"{place}, {member}"))
    try:
        return verify(replace(graph, tensors=tensors))
    except GraphError as error:
        raise InputError(error.problem, place=f"{place}, {error.place}", remedy=error.remedy) from None
