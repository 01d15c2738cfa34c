"""The HTML reporter: everything ``--json`` prints, as one page that opens from disk and loads nothing.

All text is escaped, since names in a report may come from a model file; charts are inline SVG.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

FILE = "report.html"
WIDTH, HEIGHT, MARGIN = 640, 240, 48
"""Pixels of a chart and of its axes."""


@dataclass(frozen=True)
class HtmlReporter:
    """Writes ``report.html``."""

    def write(self, report: Mapping[str, Any], folder: Path) -> Path:
        """Write the page into ``folder`` and return its path."""
        environment = Environment(
            loader=PackageLoader(__package__, "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        page = environment.get_template("report.html.j2").render(
            report=report, points=search_points(report), bars=layer_bars(report["layers"])
        )
        path = folder / FILE
        path.write_text(page, encoding="utf-8")
        return path


def search_points(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every evaluated candidate as a dot: multiply-accumulates across, validation accuracy up."""
    runs = [report[key] for key in ("search", "baseline") if report.get(key)]
    trials = [(run["strategy"], t["macs"], t["accuracy"]) for run in runs for t in run["trials"] if t["macs"]]
    if not trials:
        return {"dots": [], "x": (0, 0), "y": (0, 0)}
    x = min(t[1] for t in trials), max(t[1] for t in trials)
    y = min(t[2] for t in trials), max(t[2] for t in trials)
    dots = [
        {"strategy": strategy, "first": strategy == runs[0]["strategy"], "macs": macs, "accuracy": accuracy,
         "cx": round(MARGIN + _share(macs, x) * (WIDTH - 2 * MARGIN), 1),
         "cy": round(HEIGHT - MARGIN - _share(accuracy, y) * (HEIGHT - 2 * MARGIN), 1)}
        for strategy, macs, accuracy in trials
    ]  # fmt: skip
    return {"dots": dots, "x": x, "y": y}


def layer_bars(layers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each layer's instructions as a share of the greatest, in percent."""
    greatest = max((layer["instructions"] for layer in layers), default=0) or 1
    return [{**layer, "percent": round(100 * layer["instructions"] / greatest, 1)} for layer in layers]


def _share(value: float, limits: tuple[float, float]) -> float:
    low, high = limits
    return (value - low) / (high - low) if high > low else 0.5
