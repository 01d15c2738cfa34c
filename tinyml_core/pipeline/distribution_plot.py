"""Cumulative distributions as a self-contained SVG picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 56, 200, 40, 44
COLOURS = ("#0b6e99", "#d9730d", "#4d9a3f", "#8f4fbf", "#c4342d", "#787774")
POINTS = 200
"""Points of a curve."""


def distribution_svg(title: str, series: Mapping[str, npt.NDArray[np.floating]], unit: str) -> str:
    """For each named series of sorted values the share of them that is not above x."""
    greatest = max((float(values[-1]) for values in series.values() if len(values)), default=1.0) or 1.0
    body = "\n".join((*_axes(greatest, unit), *_curves(series, greatest)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}</text>\n{body}\n</svg>\n'
    )


def _x(value: float, greatest: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / greatest


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _axes(greatest: float, unit: str) -> Iterator[str]:
    for tick in range(5):
        share, value = tick / 4, greatest * tick / 4
        x, y = _x(value, greatest), _y(share)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:.3g}</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{escape(unit)}</text>'


def _curves(series: Mapping[str, npt.NDArray[np.floating]], greatest: float) -> Iterator[str]:
    for number, (name, values) in enumerate(series.items()):
        if not len(values):
            continue
        colour, y = COLOURS[number % len(COLOURS)], TOP + 18 * number
        shares = np.linspace(0, 1, POINTS)
        points = " ".join(
            f"{_x(value, greatest):.1f},{_y(share):.1f}"
            for value, share in zip(np.quantile(values, shares), shares, strict=True)
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{WIDTH - RIGHT + 12}" y="{y + 12}" fill="{colour}">{escape(name)}</text>'
