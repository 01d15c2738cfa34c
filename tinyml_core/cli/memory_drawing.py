"""The picture of an arena: a line for each step, a column for each share of the offsets, a letter for each buffer.

Rings are small letters, whole tensors capital ones, scratch and the like digits; a dot is free. Two buffers alive at
once have different letters as long as there are enough.
"""

from __future__ import annotations

import string
from collections.abc import Iterator

from tinyml_core.pipeline.memory_plan import MemoryPlan

LETTERS = {"tensor": string.ascii_uppercase, "ring": string.ascii_lowercase, "working": string.digits}
NAME_WIDTH = 28


def shortened(name: str, width: int) -> str:
    """A name in at most ``width`` characters: converters join the names of all that they fuse."""
    return name if len(name) <= width else f"...{name[3 - width :]}"


def marks(plan: MemoryPlan) -> dict[str, str]:
    """A letter for each buffer, by its name."""
    found: dict[str, str] = {}
    used = dict.fromkeys(LETTERS, 0)
    for buffer in sorted(plan.buffers, key=lambda buffer: (buffer.first, buffer.offset)):
        letters = LETTERS[buffer.kind]
        taken = {
            found[other.name]
            for other in plan.buffers
            if other.name in found and other.first <= buffer.last and buffer.first <= other.last
        }
        order = [letters[(used[buffer.kind] + turn) % len(letters)] for turn in range(len(letters))]
        found[buffer.name] = next((letter for letter in order if letter not in taken), order[0])
        used[buffer.kind] += 1
    return found


def draw(plan: MemoryPlan, width: int) -> Iterator[str]:
    """The lines of the picture; segments are framed at the left, ``*`` marks the steps that need the most."""
    named = marks(plan)
    scale = max(plan.arena_bytes, 1) / width
    top = max((step.live_bytes for step in plan.steps), default=0)
    yield f"{'':{NAME_WIDTH + 7}}|{0:<{width // 2}}{plan.arena_bytes:>{width - width // 2},}| bytes alive"
    for number, step in enumerate(plan.steps):
        cells = ["."] * width
        for buffer in reversed(plan.alive(number)):  # small ones first, so that they never hide what matters
            if buffer.size == 0:
                continue
            left = int(buffer.offset / scale)
            right = max(left + 1, round((buffer.offset + buffer.size) / scale))
            cells[left:right] = named[buffer.name] * (min(right, width) - left)
        name = shortened(step.name, NAME_WIDTH)
        binding = "*" if step.live_bytes == top else " "
        yield f"{number:4} {_frame(plan, number)}{name:{NAME_WIDTH}} |{''.join(cells)}|{binding}{step.live_bytes:,}"


def _frame(plan: MemoryPlan, number: int) -> str:
    segment = plan.segment_of(number)
    if segment is None:
        return " "
    if segment.first == segment.last:
        return "["
    return "/" if number == segment.first else "\\" if number == segment.last else "|"
