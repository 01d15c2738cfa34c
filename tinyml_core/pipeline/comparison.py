"""Comparison: what two builds of a network need, figure by figure, each with how far to trust it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tinyml_core.pipeline.build_figures import Build

Kind = Literal["exact", "measured", "estimated", "reserved"]


@dataclass(frozen=True)
class Figure:
    """A row of the comparison: where in a build the figure stands, its kind, and whether more of it is better."""

    name: str
    path: str
    kind: Callable[[Build], Kind]
    unit: str = ""
    more_is_better: bool = False

    def value(self, build: Build) -> float | None:
        """The figure of ``build``; None where it has none."""
        found: Any = build
        for part in self.path.split("."):
            found = None if found is None else getattr(found, part)
        number: float | None = found
        return number


@dataclass(frozen=True)
class Difference:
    """A figure of both builds; ``kind`` of each, "" where the build does not have it."""

    figure: Figure
    a: float | None
    b: float | None
    kind_a: str
    kind_b: str

    @property
    def change(self) -> float | None:
        """How much more ``b`` has."""
        return self.b - self.a if self.a is not None and self.b is not None else None

    @property
    def percent(self) -> float | None:
        """The change in per cent of ``a``; None where there is none, or nothing to compare with."""
        return 100 * self.change / self.a if self.change is not None and self.a else None

    @property
    def verdict(self) -> Literal["better", "worse", "same", "unknown"]:
        """What the change means; unknown where the two figures are of different kinds."""
        if self.change is None or self.kind_a != self.kind_b:
            return "unknown"
        if self.change == 0:
            return "same"
        return "better" if (self.change > 0) == self.figure.more_is_better else "worse"


@dataclass(frozen=True)
class LayerDifference:
    """Instructions of a layer in both builds; None where a build has no layer of this name."""

    name: str
    a: int | None
    b: int | None


@dataclass(frozen=True)
class Comparison:
    """Two builds side by side; ``notes`` say what stands against comparing them."""

    a: Build
    b: Build
    figures: tuple[Difference, ...]
    layers: tuple[LayerDifference, ...]
    """Those whose instructions differ, the greatest change first."""
    notes: tuple[str, ...]

    def report(self) -> dict[str, Any]:
        """The stable object that ``--json`` prints."""
        return {
            "a": {"network": self.a.network, "target": self.a.target, "exact": self.a.exact},
            "b": {"network": self.b.network, "target": self.b.target, "exact": self.b.exact},
            "figures": [
                {"name": row.figure.name, "unit": row.figure.unit, "a": row.a, "b": row.b, "change": row.change,
                 "percent": None if row.percent is None else round(row.percent, 3), "verdict": row.verdict,
                 "kind": {"a": row.kind_a or None, "b": row.kind_b or None}}
                for row in self.figures
            ],
            "layers": [{"name": row.name, "instructions": {"a": row.a, "b": row.b}} for row in self.layers],
            "notes": list(self.notes),
        }  # fmt: skip


def _exact(_: Build) -> Kind:
    return "exact"


def _stack(build: Build) -> Kind:
    return "reserved" if build.instructions is None else "measured"


def _counted(build: Build) -> Kind:
    return build.instructions_basis


def _estimated(_: Build) -> Kind:
    return "estimated"


def _measured(_: Build) -> Kind:
    return "measured"


FIGURES: tuple[Figure, ...] = (
    Figure("SRAM", "sram_bytes.total", _stack, "B"),
    Figure("SRAM, arena", "sram_bytes.arena", _exact, "B"),
    Figure("SRAM, static", "sram_bytes.static", _exact, "B"),
    Figure("SRAM, stack", "sram_bytes.stack", _stack, "B"),
    Figure("flash", "flash_bytes.total", _exact, "B"),
    Figure("flash, weights", "flash_bytes.weights", _exact, "B"),
    Figure("flash, code", "flash_bytes.code", _exact, "B"),
    Figure("MACs", "macs", _exact),
    Figure("parameters", "parameters", _exact),
    Figure("instructions", "instructions", _counted),
    Figure("cycles", "cycles.core", _estimated),
    Figure("cycles, low", "cycles.low", _estimated),
    Figure("cycles, high", "cycles.high", _estimated),
    Figure("accuracy, float", "accuracy.float", _measured, more_is_better=True),
    Figure("accuracy, int8", "accuracy.int8", _measured, more_is_better=True),
    Figure("accuracy, emulated", "accuracy.emulated", _measured, more_is_better=True),
    Figure("accuracy, after learning", "accuracy.after", _measured, more_is_better=True),
)
"""The rows of a comparison, in order."""


def compare(a: Build, b: Build) -> Comparison:
    """Two builds side by side; figures that neither has are left out."""
    rows = []
    for figure in FIGURES:
        left, right = figure.value(a), figure.value(b)
        if left is not None or right is not None:
            kinds = (figure.kind(each) if value is not None else "" for each, value in ((a, left), (b, right)))
            rows.append(Difference(figure, left, right, *kinds))
    return Comparison(a, b, tuple(rows), _layers(a, b), _notes(a, b))


def _layers(a: Build, b: Build) -> tuple[LayerDifference, ...]:
    """By name; of layers with one name the first counts."""
    left, right = ({layer.name: layer.instructions for layer in reversed(build.layers)} for build in (a, b))
    if a.instructions is None or b.instructions is None:
        return ()
    rows = [LayerDifference(name, left.get(name), right.get(name)) for name in dict.fromkeys((*left, *right))]
    changed = [row for row in rows if row.a != row.b]
    return tuple(sorted(changed, key=lambda row: -abs((row.b or 0) - (row.a or 0))))


def _notes(a: Build, b: Build) -> tuple[str, ...]:
    notes = []
    if a.target != b.target:
        notes.append(f"the targets differ: {a.target} and {b.target}")
    if a.cycles and b.cycles and a.cycles.model != b.cycles.model:
        notes.append(f"cycles come from different models: {a.cycles.model} and {b.cycles.model}")
    if (a.instructions is None) != (b.instructions is None):
        notes.append("only one was run: the stack of the other is what the linker reserves, not what was measured")
    notes += [
        f"outputs of {name} differ from the reference" for name, each in (("A", a), ("B", b)) if each.exact is False
    ]
    return tuple(notes)
