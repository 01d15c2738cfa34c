"""A thousand damaged profile files: each is read as a sane profile or refused in one sentence that names it."""

from __future__ import annotations

import random
import time
from importlib.resources import files

import pytest

from tinyml_core.errors import InputError
from tinyml_core.hardware.files import read_profile

ORIGINAL = (files("tinyml_hw_profiles") / "stm32h743.yaml").read_bytes()
FRAGMENTS = [b"&a", b"*a", b"!!python/object:os.system", b"!!binary ", b"<<: ", b"{", b"[", b"'", b'"', b"|\n", b": ",
             b"- ", b"\t", b"\x00", b"\xff", b"\n---\n", b"%YAML 9.9\n", b"9" * 30, b"-1", b"0x", b"true", b".inf",
             b"#", "\u202e".encode(), b"\\ud800", b"\x1b[2J"]  # fmt: skip


def truncated(data, rng):
    return data[: rng.randrange(len(data))]


def one_byte(data, rng):
    place = rng.randrange(len(data))
    return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]


def inserted(data, rng):
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(FRAGMENTS) + data[place:]


def swapped_lines(data, rng):
    lines = data.splitlines(keepends=True)
    left, right = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[left], lines[right] = lines[right], lines[left]
    return b"".join(lines)


@pytest.mark.parametrize("damage", [truncated, one_byte, inserted, swapped_lines])
def test_damage_is_survived(tmp_path, damage):
    rng, path = random.Random(damage.__name__), tmp_path / "stm32h743.yaml"
    refusals = []
    for _ in range(250):
        path.write_bytes(damage(ORIGINAL, rng))
        before = time.process_time()
        try:
            profile = read_profile(path)
        except InputError as error:
            refusals.append(str(error))
        else:
            assert profile.name == "stm32h743"
            assert profile.largest("sram").size > 0
            assert all(source.isprintable() for source in profile.sources.values())
        assert time.process_time() - before < 1
    assert refusals, "the damage must be able to hurt"
    assert all(str(path) in message and message.isprintable() for message in refusals)
