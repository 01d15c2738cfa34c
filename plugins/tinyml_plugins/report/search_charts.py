"""Charts of a search: accuracy over each objective with the Pareto front, and the best accuracy so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyml_plugins.report.plot import Dot, Line, Plot, across, limits, polyline, up
from tinyml_plugins.report.text import count, printable

MOST_DOTS = 200
"""Evaluated networks drawn in a plot for each strategy, beside its front."""

Run = Mapping[str, Any]


def search_plots(build: Mapping[str, Any], share: float = 1.0) -> list[Plot]:
    """Plots of the search and its baseline; none where nothing was evaluated. ``share`` of the page is for them."""
    runs = [build[key] for key in ("search", "baseline") if build.get(key)]
    if not any(run["trials"] for run in runs):
        return []
    objectives = runs[0]["objectives"] or ["macs"]
    plots = [_front(runs, quantity, max(1, int(MOST_DOTS * share))) for quantity in objectives]
    return [*(plot for plot in plots if plot.dots), _best_so_far(runs)]


def _front(runs: Sequence[Run], quantity: str, most: int) -> Plot:
    known = [[trial for trial in run["trials"] if quantity in trial["costs"]] for run in runs]
    x = limits([trial["costs"][quantity] for trials in known for trial in trials])
    y = limits([trial["accuracy"] for trials in known for trial in trials])
    dots, lines = [], []
    hidden = 0
    for series, (run, trials) in enumerate(zip(runs, known, strict=True)):
        front = {member["number"] for member in run["front"]}
        others = [trial for trial in trials if trial["number"] not in front]
        stride = max(1, -(-len(others) // most))
        hidden += len(others) - len(others[::stride])
        strategy = printable(run["strategy"], 40)
        for trial in [*others[::stride], *(trial for trial in trials if trial["number"] in front)]:
            value = trial["costs"][quantity]
            text = (
                f"{strategy}, evaluation {trial['number']}: accuracy {trial['accuracy']:.4f}, {count(value)} {quantity}"
            )
            dots.append(
                Dot(across(value, x), up(trial["accuracy"], y), series, trial["number"] in front, printable(text))
            )
        lines.append(Line(_staircase(run, quantity, x, y), series, f"front of {strategy}"))
    return Plot(
        f"Validation accuracy over {printable(quantity, 40)}", printable(quantity, 40), (count(x[0]), count(x[1])),
        (f"{y[0]:.3f}", f"{y[1]:.3f}"), tuple(dots), tuple(line for line in lines if line.path), _names(runs),
        f"{count(hidden)} evaluations are not drawn" if hidden else "",
    )  # fmt: skip


def _staircase(run: Run, quantity: str, x: tuple[float, float], y: tuple[float, float]) -> str:
    """What of the front counts under this quantity alone: the best accuracy at most so dear."""
    members = sorted(
        (member["costs"][quantity], -member["accuracy"]) for member in run["front"] if quantity in member["costs"]
    )
    points: list[tuple[float, float]] = []
    best = 0.0
    for cost, negative in members:
        if -negative > best:
            if points:
                points.append((across(cost, x), points[-1][1]))
            best = -negative
            points.append((across(cost, x), up(best, y)))
    return polyline(points) if len(points) > 1 else ""


def _best_so_far(runs: Sequence[Run]) -> Plot:
    trials = [trial for run in runs for trial in run["trials"]]
    x = limits([0, *(trial["number"] for trial in trials)])
    y = limits([trial["accuracy"] for trial in trials])
    lines = []
    for series, run in enumerate(runs):
        best = 0.0
        points: list[tuple[float, float]] = []
        for trial in run["trials"]:
            best = max(best, trial["accuracy"])
            place = round(across(trial["number"], x)), round(up(best, y))
            if not points:
                points.append(place)
            elif place[1] != points[-1][1]:  # a step: the old best holds until now
                points += [(place[0], points[-1][1]), place]
        if points:
            points.append((across(run["trials"][-1]["number"], x), points[-1][1]))
        lines.append(Line(polyline(points), series, f"{printable(run['strategy'], 40)}: {best:.4f}"))
    return Plot(
        "Best validation accuracy so far", "evaluations", (count(x[0]), count(x[1])), (f"{y[0]:.3f}", f"{y[1]:.3f}"),
        (), tuple(lines), _names(runs),
    )  # fmt: skip


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    return tuple(printable(run["strategy"], 40) for run in runs)
