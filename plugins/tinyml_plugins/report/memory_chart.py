"""SRAM over time: every buffer of the arena as a rectangle, steps to the right and offsets upwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyml_plugins.report.text import count, printable

MOST_BUFFERS = 600
"""Buffers drawn on a page, the largest first."""


@dataclass(frozen=True)
class Area:
    """A buffer, in steps and bytes; ``text`` says all of it."""

    x: int
    y: int
    width: int
    height: int
    kind: str
    shared: bool
    text: str


@dataclass(frozen=True)
class MemoryChart:
    """The arena; ``skyline`` is the outline of the bytes alive, ``binding`` the step that needs the most."""

    steps: int
    arena: int
    areas: tuple[Area, ...]
    skyline: str
    binding: int
    binding_text: str
    segments: tuple[tuple[int, int, str], ...]
    ticks: tuple[int, ...]


def chart_memory(build: Mapping[str, Any], share: float = 1.0) -> MemoryChart | None:
    """The chart of a build's ``memory``; None where it has none. ``share`` of the page is for this build."""
    memory = build.get("memory")
    if not memory or not memory["steps"] or not memory["arena_bytes"]:
        return None
    arena, steps = memory["arena_bytes"], memory["steps"]
    alive = [step["live_bytes"] for step in steps]
    binding = alive.index(max(alive))
    buffers = sorted(memory["buffers"], key=lambda each: -each["size"])[: int(MOST_BUFFERS * share)]
    areas = [
        Area(
            each["first"], arena - each["offset"] - each["size"], each["last"] - each["first"] + 1, each["size"],
            each["kind"], each["shares"] is not None, _text(each, steps),
        )
        for each in sorted(buffers, key=lambda each: (each["first"], each["offset"])) if each["size"]
    ]  # fmt: skip
    changes = [step for step in range(1, len(steps)) if alive[step] != alive[step - 1]]
    skyline = f"M0 {arena - alive[0]}" + "".join(f"H{step}V{arena - alive[step]}" for step in changes)
    segments = tuple(
        (each["first"], each["last"] - each["first"] + 1, f"steps {each['first']} to {each['last']} run row by row")
        for each in memory["segments"]
    )
    return MemoryChart(
        steps=len(steps), arena=arena, areas=tuple(areas), skyline=f"{skyline}H{len(steps)}", binding=binding,
        binding_text=f"step {binding}, {printable(steps[binding]['name'])}, needs the most: {count(alive[binding])} B",
        segments=segments, ticks=tuple(sorted({0, len(steps) // 2, len(steps) - 1})),
    )  # fmt: skip


def _text(buffer: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> str:
    rows = f", {buffer['rows']} of {buffer['of_rows']} rows" if buffer["rows"] else ""
    shares = f", in place of {printable(buffer['shares'])}" if buffer["shares"] else ""
    first, last = (printable(steps[buffer[end]]["name"], 40) for end in ("first", "last"))
    when = f"step {buffer['first']} ({first})"
    if buffer["last"] != buffer["first"]:
        when = f"steps {buffer['first']} ({first}) to {buffer['last']} ({last})"
    end = buffer["offset"] + buffer["size"]
    return (
        f"{printable(buffer['name'])}: {count(buffer['size'])} B, {buffer['kind']}{rows}{shares}; "
        f"offsets {count(buffer['offset'])} to {count(end)}; {when}"
    )
