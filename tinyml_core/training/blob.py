"""Blobs: the trained tensors as bytes that a board keeps in flash and a laptop reads, the same on both.

A blob begins with a header of 32 bytes and ends, at a multiple of 32, with a CRC-32 of all before and a mark that is
written last; every number is little-endian. One that is cut off, torn or of another network is refused. Two slots keep
the newest blob safe while the next one is written::

    offset  bytes
         0      4  "TMLB"
         4      4  format, 1
         8      4  sequence number: of two valid blobs the newer one counts
        12      4  bytes of the tensors
        16     16  identity of network and scheme
        32         tensors one behind the other, then zeros
        -8      4  CRC-32 (IEEE 802.3) of all before
        -4      4  "DONE"
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import InputError
from tinyml_core.graph.serialise import digest
from tinyml_core.graph.tensor import Tensor
from tinyml_core.training.step import TrainingStep

Array = npt.NDArray[Any]

MAGIC, FORMAT, MARK = b"TMLB", 1, b"DONE"
CHUNK = 32
"""Bytes that are written at once, the greatest unit that flash of Cortex-M microcontrollers is programmed in."""
IDENTITY_BYTES = 16
SEQUENCES = 1 << 32
_HEADER = struct.Struct(f"<4sIII{IDENTITY_BYTES}s")


@dataclass(frozen=True)
class BlobLayout:
    """What a blob of one network and scheme holds."""

    identity: bytes
    tensors: tuple[Tensor, ...]
    """In the blob's order; data and scales do not count."""

    @property
    def payload(self) -> int:
        """Bytes of the tensors."""
        return sum(tensor.bytes for tensor in self.tensors)

    @property
    def size(self) -> int:
        """Bytes of the blob."""
        return -(-(_HEADER.size + self.payload + 8) // CHUNK) * CHUNK


@dataclass(frozen=True, eq=False)
class Trained:
    """What a blob says."""

    sequence: int
    variables: Mapping[str, Array]


def layout_of(step: TrainingStep) -> BlobLayout:
    """The blob of a step: parameters and the optimizer's state, without gradients that are being added up.

    The identity covers the network, the scheme, the head and the types of all tensors, not how a step is computed.
    """
    names = [each.name for each in step.variables if each.name not in step.sums]
    tensors = tuple(step.whole.tensors[name] for name in names)
    types = [(tensor.name, tensor.dtype.value, tensor.shape) for tensor in tensors]
    said = json.dumps([digest(step.evaluation), types]).encode()
    return BlobLayout(hashlib.sha256(said).digest()[:IDENTITY_BYTES], tensors)


def write_blob(layout: BlobLayout, variables: Mapping[str, Array], sequence: int = 1) -> bytes:
    """The blob of ``variables``, of which those that the layout names count.

    Raises:
        InputError: one is missing or of another type or shape, or the sequence number does not fit into 32 bits.
    """
    if not 0 <= sequence < SEQUENCES:
        raise InputError(f"is {sequence}, not from 0 to {SEQUENCES - 1}", place="sequence number of a blob")
    for tensor in layout.tensors:
        given = variables.get(tensor.name)
        if given is None or given.shape != tensor.shape or given.dtype != tensor.dtype.numpy:
            raise InputError(
                f"needs type {tensor.dtype.value} and shape {list(tensor.shape)}", place=f"variable {tensor.name!r}"
            )
    header = _HEADER.pack(MAGIC, FORMAT, sequence, layout.payload, layout.identity)
    ordered = (variables[tensor.name] for tensor in layout.tensors)
    payload = b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in ordered)
    whole = (header + payload).ljust(layout.size - 8, b"\0")
    return whole + struct.pack("<I", zlib.crc32(whole)) + MARK


def read_blob(layout: BlobLayout, data: bytes, place: str = "blob") -> Trained:
    """What a blob holds.

    Raises:
        InputError: it is damaged, half-written, of another format, or of another network or scheme; names ``place``.
    """
    if problem := _problem(layout, data):
        raise InputError(problem, place=place, remedy="keep the older blob, or begin from the shipped tensors")
    found, at = dict[str, Array](), _HEADER.size
    for tensor in layout.tensors:
        stored = np.dtype(tensor.dtype.numpy).newbyteorder("<")
        array = np.frombuffer(data, stored, tensor.elements, at).astype(tensor.dtype.numpy)
        found[tensor.name] = array.reshape(tensor.shape)
        at += tensor.bytes
    return Trained(_HEADER.unpack_from(data)[2], found)


def newest(layout: BlobLayout, slots: Sequence[bytes]) -> Trained | None:
    """What the newest valid blob of some slots holds, the first of equals; None where none is valid."""
    best: Trained | None = None
    for data in slots:
        if _problem(layout, data) is None:
            found = read_blob(layout, data)
            if best is None or 0 < (found.sequence - best.sequence) % SEQUENCES < SEQUENCES // 2:
                best = found
    return best


def _problem(layout: BlobLayout, data: bytes) -> str | None:
    """What is wrong with a blob."""
    if len(data) != layout.size:
        return f"has {len(data)} bytes, {layout.size} are needed"
    magic, version, _, payload, identity = _HEADER.unpack_from(data)
    if magic != MAGIC:
        return "is no blob of trained tensors"
    if version != FORMAT:
        return f"has format {version}, known is {FORMAT}"
    if data[-4:] != MARK:
        return "was not written to its end"
    if zlib.crc32(data[:-8]) != struct.unpack("<I", data[-8:-4])[0]:
        return "is damaged: its checksum is another"
    if (identity, payload) != (layout.identity, layout.payload):
        return "belongs to another network or update scheme"
    return None
