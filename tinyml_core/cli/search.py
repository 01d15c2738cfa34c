"""``tinyml search``: the best network within a microcontroller's limits, without training it to the end."""

from __future__ import annotations

from pathlib import Path

import click

from tinyml_core.cli.figure_tables import front_table
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.progress import progress
from tinyml_core.config import read_project


@click.command()
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--target", help="Overrides the project's target.")
@click.option("--seed", type=click.IntRange(0), help="Overrides the project's seed.")
@click.option("--journal", type=click.Path(path_type=Path), metavar="FILE", help="Keep every result in FILE.")
@click.option("--resume", is_flag=True, help="Continue the search kept in --journal.")
@shared_options(overrides=True)
def command(
    session: Session, project: Path | None, target: str | None, seed: int | None, journal: Path | None, resume: bool
) -> None:
    """Search for the best network of PROJECT (the digits demonstration without one)."""
    if resume and journal is None:
        raise click.UsageError("--resume continues a journal: name it with --journal FILE")
    chosen = read_project(project, session.with_overrides(target=target, seed=seed))
    with progress() as listen:
        found = session.platform(chosen.plugins.disable, listen).search(chosen, journal, resume=resume)
    best = found.result.best
    rows = [(name, value) for name, value in best.candidate.choices]
    limits = chosen.search.limits
    costs = [
        (name, f"{value:,.0f}", f"{limits[name]:,.0f}" if name in limits else "") for name, value in best.costs.items()
    ]
    session.print(
        found.report,
        f"best of {found.result.evaluated} evaluated ({found.result.costed} costed): accuracy {best.accuracy:.4f}",
        Table(("choice", "value"), rows),
        Table(("cost", "value", "limit"), costs),
        "",
        front_table(found.report),
    )
