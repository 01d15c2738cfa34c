"""Blobs on the laptop: what comes back is what went in, and whatever is damaged is refused."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.errors import InputError
from tinyml_core.platform import Platform
from tinyml_core.testing.descent import everything
from tinyml_core.testing.random_learners import random_network
from tinyml_core.training import FloatHead, build_step
from tinyml_core.training.blob import CHUNK, layout_of, newest, read_blob, write_blob


def step_of(seed=1, rule="qas", **options):
    graph = random_network(seed)
    return build_step(graph, everything(graph), Platform().create(TrainingOptimizer, rule), **options)


@pytest.fixture(scope="module")
def step():
    return step_of(head=FloatHead(3))


@pytest.fixture(scope="module")
def layout(step):
    return layout_of(step)


@pytest.fixture(scope="module")
def values(layout):
    rng = np.random.default_rng(0)
    return {t.name: np.frombuffer(rng.bytes(t.bytes), t.dtype.numpy).reshape(t.shape) for t in layout.tensors}


@pytest.fixture(scope="module")
def blob(layout, values):
    return write_blob(layout, values, 5)


def test_what_went_in_comes_back(layout, values, blob):
    found = read_blob(layout, blob)
    assert found.sequence == 5
    assert found.variables.keys() == values.keys()
    assert all(found.variables[name].tobytes() == values[name].tobytes() for name in values)
    assert (len(blob) % CHUNK, blob[:4], blob[-4:]) == (0, b"TMLB", b"DONE")


def test_every_bit_counts(layout, blob):
    for bit in range(0, 8 * len(blob), 11):
        damaged = bytearray(blob)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InputError):
            read_blob(layout, bytes(damaged))


def sealed(blob):
    """A blob with a right checksum."""
    return blob[:-8] + struct.pack("<I", zlib.crc32(blob[:-8])) + blob[-4:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda blob: blob[:-1], "has .* bytes, .* are needed"),
        (lambda blob: blob + b"\0", "has .* bytes"),
        (lambda blob: b"", "has 0 bytes"),
        (lambda blob: b"x" + blob[1:], "is no blob"),
        (lambda blob: sealed(blob[:4] + b"\2" + blob[5:]), "has format 2, known is 1"),
        (lambda blob: blob[:-4] + b"\xff" * 4, "not written to its end"),
        (lambda blob: blob[:40] + bytes([blob[40] ^ 1]) + blob[41:], "board.blob: is damaged"),
        (lambda blob: sealed(blob[:16] + bytes([blob[16] ^ 1]) + blob[17:]), "another network or update scheme"),
    ],
)
def test_what_is_wrong_is_told(layout, blob, change, words):
    with pytest.raises(InputError, match=words):
        read_blob(layout, change(blob), "board.blob")


def test_blobs_belong_to_a_network_and_a_scheme_however_a_step_is_computed(step, layout, blob):
    others = [step_of(2, head=FloatHead(3)), step_of(1, head=FloatHead(4)), step_of(1, "momentum", head=FloatHead(3))]
    for other in others:
        assert layout_of(other).identity != layout.identity
        with pytest.raises(InputError):
            read_blob(layout_of(other), blob)
    for same in (step_of(head=FloatHead(3), samples=4), step_of(head=FloatHead(3), widest=64)):
        assert layout_of(same).identity == layout.identity
        read_blob(layout_of(same), blob)


def test_the_newest_valid_one_counts(layout, values):
    def slot(sequence):
        return write_blob(layout, values, sequence)

    def found(*slots):
        trained = newest(layout, slots)
        return None if trained is None else trained.sequence

    assert found(slot(1), slot(2)) == found(slot(2), slot(1)) == 2
    assert found(slot(2**32 - 1), slot(0)) == found(slot(0), slot(2**32 - 1)) == 0
    assert found(slot(7), slot(8)[:-4] + b"\0\0\0\0") == found(b"", slot(7)) == 7
    assert found(b"", b"\xff" * layout.size) is None


def test_variables_must_suit(layout, values):
    name = layout.tensors[0].name
    for wrong in ({}, {**values, name: values[name][..., :1]}, {**values, name: values[name].astype(np.float64)}):
        with pytest.raises(InputError, match="needs type"):
            write_blob(layout, wrong)
    with pytest.raises(InputError, match="sequence"):
        write_blob(layout, values, 2**32)
