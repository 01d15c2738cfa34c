"""The figures of a build, each with its kind: exact, measured on the emulator, or estimated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyml_plugins.report.text import count, printable, share, short

KINDS = {
    "exact": "known to the byte or bit",
    "measured": "on the emulated core, or counted over test samples",
    "estimated": "from timing tables, plans or published figures",
}
"""Kind of a figure and what it means."""


@dataclass(frozen=True)
class Figure:
    """One number of a build; ``number`` is what builds are compared by, ``better`` whether less (-1) or more (1) is."""

    label: str
    value: str
    unit: str
    kind: str
    detail: str
    number: float
    better: int = -1


def figures(build: Mapping[str, Any]) -> list[Figure]:
    """Those that are known."""
    return [each for each in (*_accuracy(build), *_memory(build), *_work(build)) if each is not None]


def _accuracy(build: Mapping[str, Any]) -> list[Figure]:
    accuracy = build.get("accuracy") or {}
    data = build.get("dataset") or build.get("data") or {}
    samples = f"{count(data['test'])} test samples" if data.get("test") else "test samples"
    found = []
    if "emulated" in accuracy:
        detail = f"{samples}, emulated binary; float {share(accuracy.get('float'), 2)}"
        value = accuracy["emulated"]
        found.append(Figure("Accuracy", f"{100 * value:.2f}", "%", "measured", detail, value, 1))
    if "after" in accuracy:
        detail = f"{samples}; before {share(accuracy.get('before'), 2)}"
        value = accuracy["after"]
        found.append(Figure("Accuracy after learning", f"{100 * value:.2f}", "%", "exact", detail, value, 1))
    return found


def _memory(build: Mapping[str, Any]) -> list[Figure | None]:
    sram, flash = build["sram_bytes"], build["flash_bytes"]
    run, compiled = build.get("instructions") is not None, flash.get("code") is not None
    stack = "measured" if run else "kept free"
    detail = f"arena {count(sram['arena'])}, static {count(sram['static'])}, stack {count(sram['stack'])} {stack}"
    parts = f"weights {count(flash['weights'])}, code {count(flash['code'])}" if compiled else "weights only"
    return [
        Figure("SRAM", count(sram["total"]), "B", "measured" if run else "estimated", detail, sram["total"]),
        Figure("Flash", count(flash["total"]), "B", "exact" if compiled else "estimated", parts, flash["total"]),
    ]


def _work(build: Mapping[str, Any]) -> list[Figure | None]:
    cycles, time, instructions = build["cycles"], build.get("milliseconds"), build.get("instructions")
    unit = "one training step" if build.get("kind") == "adapt" else "one inference"
    span = f"{short(cycles['low'])} to {short(cycles['high'])}; " if "low" in cycles else ""
    return [
        Figure("Instructions", short(instructions), "", "measured", unit, instructions)
        if instructions is not None else None,
        Figure("Cycles", short(cycles["core"]), "", "estimated", span + printable(cycles["model"]), cycles["core"]),
        Figure("Time", f"{time['low']:.3g} – {time['high']:.3g}", "ms", "estimated", printable(time["board"]),
               time["high"]) if time else None,
        Figure("MACs", short(build["macs"]), "", "exact", "multiply-accumulates", build["macs"]),
    ]  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A figure in a comparison; ``ratio`` to the first build's."""

    text: str
    ratio: str
    best: bool
    percent: float


@dataclass(frozen=True)
class Comparison:
    """One figure of several builds."""

    label: str
    kind: str
    cells: tuple[Cell | None, ...]


def compare(builds: Sequence[Mapping[str, Any]]) -> list[Comparison]:
    """The figures that at least one build has, side by side."""
    known = [{each.label: each for each in figures(build)} for build in builds]
    labels = dict.fromkeys(label for each in known for label in each)
    return [_compared(label, [each.get(label) for each in known]) for label in labels]


def _compared(label: str, found: Sequence[Figure | None]) -> Comparison:
    there = [each for each in found if each is not None]
    best = max(each.better * each.number for each in there)
    greatest = max(each.number for each in there) or 1
    distinct = len({each.number for each in there}) > 1
    first = found[0].number if found[0] is not None else 0
    cells = tuple(
        Cell(
            f"{each.value} {each.unit}".strip(), f"×{each.number / first:.2f}" if first and index else "",
            distinct and each.better * each.number == best, round(100 * each.number / greatest, 1),
        )
        if each is not None else None
        for index, each in enumerate(found)
    )  # fmt: skip
    kinds = dict.fromkeys(each.kind for each in there)
    return Comparison(label, list(kinds)[-1] if len(kinds) > 1 else next(iter(kinds)), cells)
