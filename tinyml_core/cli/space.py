"""``tinyml space``: which size of networks to search, from what fits, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.progress import progress
from tinyml_core.config import read_project
from tinyml_core.pipeline.distribution_plot import distribution_svg
from tinyml_core.pipeline.space_selection import SelectionOptions, SpaceSelection
from tinyml_core.search.selection import QUANTILES, SurveyedCell, told

SHOWN = 12
"""Spaces in the table."""
CURVES = 6
"""Spaces in the plot."""


@click.command()
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--target", help="Overrides the project's target.")
@click.option("--seed", type=click.IntRange(0), help="Overrides the project's seed.")
@click.option("--mode", type=click.Choice(["layers", "resident", "rows"]), help="How networks run; row rings.")
@click.option("--samples", type=click.IntRange(1), default=1000, show_default=True, help="Networks of each space.")
@click.option("--least-feasible", type=click.FloatRange(0, 1), default=0.1, show_default=True, metavar="SHARE",
              help="Share of a space's networks that have to be within the limits.")  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE.svg", help="Draw the distributions.")
@shared_options(overrides=True)
def command(
    session: Session, project: Path | None, target: str | None, seed: int | None, mode: str | None, samples: int,
    least_feasible: float, plot: Path | None,
) -> None:  # fmt: skip
    """Choose the space to search from the grid of PROJECT's search space: width by resolution for mcunet."""
    chosen = read_project(project, session.with_overrides(target=target, seed=seed))
    options = SelectionOptions(
        samples=samples, least_feasible=least_feasible,
        mode=None if mode is None else "layers" if mode == "layers" else "rows" if mode == "rows" else "resident",
    )  # fmt: skip
    with progress() as listen:
        selection = session.platform(chosen.plugins.disable, listen).select_space(chosen, options)
    if plot is not None:
        plot.write_text(_drawn(selection), encoding="utf-8")
    session.print(
        selection.report,
        _table(selection),
        *_explained(selection, least_feasible),
        *([f"Distributions: {plot}"] if plot else []),
        "Next: tinyml search with " + " ".join(
            f"--set search.space.options.{name}=[{value}]" for name, value in selection.chosen.options.items()
        ),
    )  # fmt: skip


def _table(selection: SpaceSelection) -> Table:
    """The best spaces by mean, those that do not qualify included."""
    report = selection.report
    heads = [f"{percent} %" for percent in QUANTILES]
    rows = []
    for cell in sorted(selection.cells, key=lambda cell: -cell.mean)[:SHOWN]:
        mark = "chosen" if cell is selection.chosen else "" if cell in selection.ranking else "too few fit"
        amounts = (f"{value / 1e6:.2f}" for value in (cell.mean, *cell.quantiles))
        rows.append((*cell.options.values(), f"{cell.feasible:.1%}", *amounts, mark))
    limits = report["limits"]
    title = (
        f"{report['space']} on {report['target']}, {report['mode']}: arena <= {limits['sram_bytes']:,} B, "
        f"constants <= {limits['flash_bytes']:,} B; million MACs of what fits"
    )
    return Table((*selection.chosen.options, "fits", "mean", *heads, ""), rows, title=title)


def _explained(selection: SpaceSelection, least_feasible: float) -> list[str]:
    chosen, ranking = selection.chosen, selection.ranking
    lines = [
        f"{len(ranking)} of {len(selection.cells)} spaces have at least {least_feasible:.0%} of their networks within "
        f"the limits; {told(chosen.options)} has the greatest mean."
    ]
    favourite = max(selection.cells, key=lambda cell: cell.mean)
    if favourite is not chosen:
        lines.append(
            f"By the mean alone {told(favourite.options)} would be first, but only {favourite.feasible:.1%} of it fits."
        )
    if len(ranking) > 1:
        less = 1 - ranking[1].mean / chosen.mean
        lines.append(f"The mean of the next one, {told(ranking[1].options)}, is {less:.1%} less.")
    return lines


def _drawn(selection: SpaceSelection) -> str:
    """Curves of the best spaces and of the last one."""
    ranking = selection.ranking
    shown: list[SurveyedCell] = [*ranking[: CURVES - 1], *ranking[CURVES - 1 :][-1:]]
    title = f"MACs of the networks that fit {selection.report['target']} ({selection.report['mode']})"
    return distribution_svg(title, {told(cell.options): cell.feasible_macs / 1e6 for cell in shown}, "million MACs")
