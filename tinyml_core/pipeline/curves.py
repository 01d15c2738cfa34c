"""Curves: the course of a long training in as many points as a chart needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

MOST_POINTS = 200


def curve(title: str, losses: Sequence[float], steps: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """The curve of ``losses`` as a list that reports join: one object, or none where nothing was trained.

    Its points are means of equal stretches, at most :data:`MOST_POINTS`, each at the step in which it ends; a stretch
    with a value that is no finite number is left out. Without ``steps`` they count from 1.
    """
    steps = steps or range(1, len(losses) + 1)
    stretch = max(1, math.ceil(len(losses) / MOST_POINTS))
    points = []
    for begin in range(0, len(losses), stretch):
        part = losses[begin : begin + stretch]
        mean = sum(part) / len(part)
        if math.isfinite(mean):
            points.append({"step": steps[begin + len(part) - 1], "loss": round(mean, 6)})
    return [{"title": title, "points": points}] if points else []
