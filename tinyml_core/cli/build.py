"""``tinyml build``: the whole job, from a project file to a network proved on the emulated core."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tinyml_core.cli.figure_tables import cost_table, front_table, layer_table
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.progress import progress
from tinyml_core.config import read_project


@click.command()
@click.argument("project", required=False, type=click.Path(path_type=Path))
@click.option("--target", help="Overrides the project's target; see `tinyml targets`.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("tinyml-out"), show_default=True)
@click.option("--seed", type=click.IntRange(0), help="Overrides the project's seed.")
@shared_options(overrides=True)
def command(session: Session, project: Path | None, target: str | None, out: Path, seed: int | None) -> None:
    """Search, train, quantise, compile and prove the network of PROJECT (the digits demonstration without one)."""
    chosen = read_project(project, session.with_overrides(target=target, seed=seed))
    with progress() as listen:
        built = session.platform(chosen.plugins.disable, listen).build(chosen, out)
    report = built.report
    session.print(
        report, layer_table(report), "", cost_table(report), "", _accuracy(report), "", *_search(report),
        f"\nwritten to {out}: C sources, Makefile, binary, report.html, report.json\nNext: tinyml run {out}",
    )  # fmt: skip
    if not report["exact"]:
        raise click.exceptions.Exit(1)


def _accuracy(report: Mapping[str, Any]) -> Table:
    images = report["dataset"]["test"]
    names = {"float": "float network", "int8": "int8, reference", "emulated": "int8, the binary on the emulated core"}
    rows = [(names[key], f"{value:.4f}") for key, value in report["accuracy"].items()]
    return Table(("accuracy", f"on {images} test images"), rows)


def _search(report: Mapping[str, Any]) -> list[Table | str]:
    rows = [
        (part["strategy"], part["costed"], part["evaluated"], f"{part['best']['accuracy']:.4f}",
         f"{part['best']['costs'].get('macs', 0):,.0f}")
        for part in (report["search"], report["baseline"]) if part
    ]  # fmt: skip
    head = ("strategy", "costed", "evaluated", "best validation accuracy", "its MACs")
    choices = ", ".join(f"{name} {value}" for name, value in report["search"]["best"]["choices"].items())
    return [Table(head, rows), f"winner: {choices}", "", front_table(report["search"])]
