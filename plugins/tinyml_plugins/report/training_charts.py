"""Charts of trainings: the loss over the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyml_plugins.report.plot import Line, Plot, across, limits, polyline, up
from tinyml_plugins.report.text import count, printable


def training_plots(build: Mapping[str, Any]) -> list[Plot]:
    """A plot for each of a build's ``curves``."""
    return [_plot(curve) for curve in build.get("curves") or [] if len(curve["points"]) > 1]


def _plot(curve: Mapping[str, Any]) -> Plot:
    points = [(point["step"], point["loss"]) for point in curve["points"]]
    x, y = limits([step for step, _ in points]), limits([loss for _, loss in points])
    path = polyline([(across(step, x), up(loss, y)) for step, loss in points])
    title = printable(curve["title"], 80)
    text = f"{title}: from {points[0][1]:.4g} to {points[-1][1]:.4g} in {count(x[1])} steps"
    return Plot(
        title[:1].upper() + title[1:], "steps", (count(x[0]), count(x[1])), (f"{y[0]:.3g}", f"{y[1]:.3g}"), (),
        (Line(path, 0, text),), note=text,
    )  # fmt: skip
