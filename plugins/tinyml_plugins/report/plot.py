"""Plots: points and lines in a box of 1000 by 1000, which the page stretches to the room there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SIDE = 1000
"""Units of the box; y runs downwards, as in SVG."""

Limits = tuple[float, float]


@dataclass(frozen=True)
class Dot:
    """A point; ``series`` picks its colour, ``marked`` makes it stand out."""

    x: float
    y: float
    series: int
    marked: bool
    text: str


@dataclass(frozen=True)
class Line:
    """A line as SVG's path data."""

    path: str
    series: int
    text: str


@dataclass(frozen=True)
class Plot:
    """One chart: ``x`` and ``y`` are the texts at the ends of the axes."""

    title: str
    unit: str
    x: tuple[str, str]
    y: tuple[str, str]
    dots: tuple[Dot, ...] = ()
    lines: tuple[Line, ...] = ()
    series: tuple[str, ...] = ()
    note: str = ""


def limits(values: Sequence[float]) -> Limits:
    """Least and greatest value; (0, 0) of none."""
    return (min(values), max(values)) if values else (0, 0)


def across(value: float, of: Limits) -> float:
    """The place on the x axis."""
    return round(SIDE * _share(value, of), 1)


def up(value: float, of: Limits) -> float:
    """The place on the y axis."""
    return round(SIDE * (1 - _share(value, of)), 1)


def polyline(points: Sequence[tuple[float, float]]) -> str:
    """Path data through points."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def _share(value: float, of: Limits) -> float:
    low, high = of
    return (value - low) / (high - low) if high > low else 0.5
