"""Hostile documents: saved graphs, project and profile YAML, array archives, manifests."""

from __future__ import annotations

import copy
import io
import json
import random
import zipfile
from typing import Any

import numpy as np

from tinyml_core.testing.mutations import Mutation

STRANGE: tuple[Any, ...] = (
    0, -1, 1, 2, 7, 127, 1 << 31, 1 << 40, 1 << 63, 10**30, -(10**30), True, None, "", "x", "../../evil", "*/",
    "\x1b[2J", "\u202e", [], [1], [0, 0], [[1, 2]], {}, {"x": 1}, 1.5, 1e-40, 1e308, float("inf"), float("nan"),
)  # fmt: skip
FRAGMENTS = (
    b"&a", b"*a", b"!!python/object/apply:os.system [id]", b"!!binary ", b"<<: ", b"{", b"[", b"'", b'"', b"|\n", b": ",
    b"- ", b"\t", b"\0", b"\xff", b"\n---\n", b"%YAML 9.9\n", b"9" * 5000, b"-1", b"0x", b"true", b".inf", b"#",
    "\u202e".encode(), b"\\ud800", b"\x1b[2J", b"[" * 5000, b"{a: " * 2000, b"? ", b"a: &a [*a, *a]\n", b"x" * 300_000,
)  # fmt: skip


def fragment(data: bytes, rng: random.Random) -> bytes:
    """Something that means something to YAML, put anywhere."""
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(FRAGMENTS) + data[place:]


def lines(data: bytes, rng: random.Random) -> bytes:
    """Two lines exchanged, one lost or one doubled."""
    parts = data.splitlines(keepends=True)
    first, second = rng.randrange(len(parts)), rng.randrange(len(parts))
    match rng.randrange(3):
        case 0:
            parts[first], parts[second] = parts[second], parts[first]
        case 1:
            del parts[first]
        case _:
            parts.insert(second, parts[first])
    return b"".join(parts)


def value(data: bytes, rng: random.Random) -> bytes:
    """Another value after a colon."""
    parts = data.splitlines(keepends=True)
    found = [index for index, line in enumerate(parts) if b":" in line]
    index = rng.choice(found)
    new = rng.choice((b"-1", b"0", b"1e400", b"yes", b"~", b"[]", b"{}", b"'../../evil'", b"99999999999999999999",
                      b"0x10", b".nan", b'"\\e[31m"', b"2026-01-01", b"12:30:45", b"*x", b"true"))  # fmt: skip
    parts[index] = parts[index].partition(b":")[0] + b": " + new + b"\n"
    return b"".join(parts)


YAML: dict[str, Mutation] = {"fragment": fragment, "lines": lines, "value": value}
"""Damage that knows YAML."""


def _changed(document: Any, rng: random.Random) -> None:
    """One place of a JSON document: another value, a key lost, a key more, an entry doubled."""
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        container = waiting.pop()
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            places.append((container, key))
            if isinstance(container[key], dict | list):
                waiting.append(container[key])
    container, key = rng.choice(places)
    match rng.randrange(6):
        case 0:
            del container[key]
        case 1 if isinstance(container, dict):
            container[rng.choice(("extra", "__class__", "", "name"))] = rng.choice(STRANGE)
        case 2 if isinstance(container, list):
            container.insert(0, container[key])
        case 3:
            other, index = rng.choice(places)
            container[key] = (
                copy.deepcopy(other[index]) if index in (other if isinstance(other, dict) else range(len(other))) else 0
            )
        case _:
            container[key] = rng.choice(STRANGE)


def json_value(data: bytes, rng: random.Random) -> bytes:
    """One place of a JSON document changed."""
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 2))):
        _changed(document, rng)
    return json.dumps(document).encode()


def json_text(data: bytes, rng: random.Random) -> bytes:
    """What is no JSON, or too much of it."""
    place = rng.randrange(len(data))
    return (
        data[:place]
        + rng.choice((b"[" * 100_000, b'"\\ud800"', b"1" * 5000, b"1e999", b"\xff", b"//", b"NaN"))
        + data[place:]
    )


JSON: dict[str, Mutation] = {"value": json_value, "text": json_text}
"""Damage that knows JSON."""


def _rewritten(data: bytes, change: Any, compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive after ``change`` has worked on its members, in order, by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def graph_document(data: bytes, rng: random.Random) -> bytes:
    """The document of a saved graph changed."""

    def change(members: dict[str, bytes]) -> None:
        members["graph.json"] = (json_text if rng.random() < 0.1 else json_value)(members["graph.json"], rng)

    return _rewritten(data, change)


def array_header(data: bytes, rng: random.Random) -> bytes:
    """The header of an array changed, its bytes kept."""

    def change(members: dict[str, bytes]) -> None:
        name = rng.choice([each for each in sorted(members) if each.endswith(".npy")])
        body = members[name][10 + int.from_bytes(members[name][8:10], "little") :]
        shape = rng.choice(
            ("(2, 3)", "(0,)", "(-1,)", "(10000000000, 10)", "()", "(1,) * 9", "None", "(True,)", "(1e3,)")
        )
        kind = rng.choice(
            ("|i1", "<f4", "<i8", "|O", "|S5", "<U9", "<f2", "<c8", "<M8[s]", "V9", "[('a', '<i4')]", "??")
        )
        header = f"{{'descr': {kind!r}, 'fortran_order': {rng.choice((True, False, 3))}, 'shape': {shape}, }}"
        version = rng.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\x09\0"))
        size = len(header).to_bytes(2 if version == b"\1\0" else 4, "little")
        members[name] = b"\x93NUMPY" + version + size + header.encode() + body

    return _rewritten(data, change)


def members(data: bytes, rng: random.Random) -> bytes:
    """Members lost, renamed, added, or unpacking to a thousand times their size."""

    def change(contents: dict[str, bytes]) -> None:
        name = rng.choice(sorted(contents))
        match rng.randrange(4):
            case 0:
                del contents[name]
            case 1:
                contents[rng.choice(("../../evil", "/etc/evil", "a\\b", "x" * 9000, ".npy"))] = contents.pop(name)
            case 2:
                contents[rng.choice(("extra.npy", "../../evil.npy"))] = contents[name]
            case _:
                contents[name] = contents[name] + bytes(1 << rng.choice((10, 20, 22)))

    return _rewritten(data, change, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


GRAPH: dict[str, Mutation] = {"document": graph_document, "header": array_header, "members": members}
"""Damage that knows saved graphs."""
NPZ: dict[str, Mutation] = {"header": array_header, "members": members}
"""Damage that knows archives of arrays."""

PROJECT = b"""\
name: gestures
target: stm32f412
seed: 3
dataset: {name: npz, options: {path: gestures.npz}}
search:
  strategy: {name: evolution, options: {population: 12}}
  limits: {sram_bytes: 64000, flash_bytes: 200000}
training: {name: training, options: {steps: 100}}
quantizer: qat
compile:
  objective: sram
plugins:
  disable: []
reporters: [html]
"""


def arrays() -> bytes:
    """An archive of a few arrays."""
    stream = io.BytesIO()
    rng = np.random.default_rng(0)
    np.savez(stream, x=rng.standard_normal((4, 3, 3)).astype(np.float32), y=np.arange(4), z=np.zeros((2, 2), np.int8))
    return stream.getvalue()
