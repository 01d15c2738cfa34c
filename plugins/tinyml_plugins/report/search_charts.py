"""Charts of a search: accuracy over each objective with the Pareto front marked, and the best accuracy so far.

All of it is coordinates for the template's inline SVG, in pixels of one panel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, MARGIN = 640, 240, 48
"""Pixels of a panel and of the room for its axes."""

Limits = tuple[float, float]


@dataclass(frozen=True)
class Dot:
    """An evaluated network; ``first`` tells the project's strategy from the baseline."""

    x: float
    y: float
    first: bool
    front: bool
    text: str


@dataclass(frozen=True)
class Line:
    """A polyline as SVG's ``points``."""

    points: str
    first: bool
    text: str


@dataclass(frozen=True)
class Panel:
    """One chart: ``x`` and ``y`` are the values at the ends of the axes."""

    title: str
    unit: str
    x: Limits
    y: Limits
    dots: tuple[Dot, ...] = ()
    lines: tuple[Line, ...] = ()


def search_panels(report: Mapping[str, Any]) -> list[Panel]:
    """Panels of the search and its baseline; none where nothing was evaluated."""
    runs = [report[key] for key in ("search", "baseline") if report.get(key)]
    if not any(run["trials"] for run in runs):
        return []
    objectives = report["search"]["objectives"] or ["macs"]
    panels = [_front(runs, quantity) for quantity in objectives]
    return [*(panel for panel in panels if panel.dots), _best_so_far(runs)]


def _front(runs: Sequence[Mapping[str, Any]], quantity: str) -> Panel:
    known = [
        (run, trial, trial["costs"][quantity]) for run in runs for trial in run["trials"] if quantity in trial["costs"]
    ]
    x = _limits([value for _, _, value in known])
    y = _limits([trial["accuracy"] for _, trial, _ in known])
    dots = [
        Dot(
            _across(value, x), _up(trial["accuracy"], y), run is runs[0],
            trial["number"] in {member["number"] for member in run["front"]},
            f"{run['strategy']} {trial['number']}: {trial['accuracy']:.4f}, {value:,.0f} {quantity}",
        )
        for run, trial, value in known
    ]  # fmt: skip
    return Panel(f"validation accuracy over {quantity}", quantity, x, y, dots=tuple(dots))


def _best_so_far(runs: Sequence[Mapping[str, Any]]) -> Panel:
    trials = [trial for run in runs for trial in run["trials"]]
    x = _limits([0, *(trial["number"] for trial in trials)])
    y = _limits([trial["accuracy"] for trial in trials])
    lines = []
    for run in runs:
        best = 0.0
        points: list[tuple[float, float]] = []
        for trial in run["trials"]:
            if points and trial["accuracy"] > best:  # a step: the old best holds until now
                points.append((trial["number"], best))
            best = max(best, trial["accuracy"])
            points.append((trial["number"], best))
        path = " ".join(f"{_across(number, x)},{_up(accuracy, y)}" for number, accuracy in points)
        lines.append(Line(path, run is runs[0], f"{run['strategy']}: {best:.4f}"))
    return Panel("best validation accuracy so far", "evaluations", x, y, lines=tuple(lines))


def _limits(values: Sequence[float]) -> Limits:
    return (min(values), max(values)) if values else (0, 0)


def _across(value: float, limits: Limits) -> float:
    return round(MARGIN + _share(value, limits) * (WIDTH - 2 * MARGIN), 1)


def _up(value: float, limits: Limits) -> float:
    return round(HEIGHT - MARGIN - _share(value, limits) * (HEIGHT - 2 * MARGIN), 1)


def _share(value: float, limits: Limits) -> float:
    low, high = limits
    return (value - low) / (high - low) if high > low else 0.5
