"""Byte mutations: damage to a file of any format, drawn from a seeded generator.

    damage = BYTE_MUTATIONS["flip"]
    data = damage(original, random.Random(7))

What a format can be damaged by on purpose (indices, shapes, names) belongs beside the reader of that format.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Mapping

Mutation = Callable[[bytes, random.Random], bytes]

MAGIC_WORDS = tuple(
    struct.pack("<I", word % 2**32)
    for word in (
        0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, -1, -2, -4, -128,
        0x7F800000, 0xFF800000, 0x7FC00000, 0x00000001, 0x3F800000, 0x7F7FFFFF, 0x40000000, 0xAAAAAAAA,
    )
)  # fmt: skip
"""Words at the edge of something: sizes, signs, infinities, NaN."""


def truncated(data: bytes, rng: random.Random) -> bytes:
    """The beginning; every length is as likely as every other."""
    return data[: rng.randrange(len(data))]


def flipped(data: bytes, rng: random.Random) -> bytes:
    """One to eight bytes replaced."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    return bytes(damaged)


def magic(data: bytes, rng: random.Random) -> bytes:
    """One to three aligned words replaced by :data:`MAGIC_WORDS`."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        position = 4 * rng.randrange(max(len(damaged) // 4, 1))
        damaged[position : position + 4] = rng.choice(MAGIC_WORDS)
    return bytes(damaged)


def swapped(data: bytes, rng: random.Random) -> bytes:
    """Two blocks of equal length exchanged; they may overlap."""
    length = rng.choice((1, 2, 4, 16, 64))
    damaged = bytearray(data)
    first, second = (rng.randrange(max(len(damaged) - length, 1)) for _ in range(2))
    block = damaged[first : first + length]
    damaged[first : first + length] = damaged[second : second + length]
    damaged[second : second + length] = block
    return bytes(damaged)


def inserted(data: bytes, rng: random.Random) -> bytes:
    """A block of the file repeated somewhere else, which moves all that follows."""
    start, place = rng.randrange(len(data)), rng.randrange(len(data))
    return data[:place] + data[start : start + rng.choice((1, 4, 32, 4096))] + data[place:]


BYTE_MUTATIONS: Mapping[str, Mutation] = {
    "truncation": truncated, "flip": flipped, "magic": magic, "swap": swapped, "insertion": inserted,
}  # fmt: skip
"""Name of each kind of damage; a file must not be empty."""
