"""``tinyml report``: one page that shows what a build is, what it costs and whether it fits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.cli.progress import progress
from tinyml_core.pipeline.build_description import ReportOptions


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="OUT|MODEL...")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder for the page: by default OUT where there is one, the current one otherwise.",
)  # fmt: skip
@click.option("--target", metavar="NAME", help="Of each MODEL, which is planned and not compiled.")
@click.option("--sram", type=click.IntRange(1), metavar="BYTES", help="SRAM to fit in; all of the target's by default.")
@click.option("--flash", type=click.IntRange(1), metavar="BYTES", help="Flash to fit in; all by default.")
@click.option("--no-run", is_flag=True, help="Do not execute what was compiled only; its costs are estimates then.")
@click.option("--reporter", default="html", show_default=True, metavar="NAME", help="What writes; see `tinyml show`.")
@shared_options()
def command(
    session: Session, sources: tuple[Path, ...], out: Path | None, target: str | None, sram: int | None,
    flash: int | None, no_run: bool, reporter: str,
) -> None:  # fmt: skip
    """Write one self-contained page about builds: OUT is a folder of tinyml build, compile or adapt.

    Several stand side by side. A MODEL file is planned for --target, whether it fits or not, and the page says what
    would make it fit.
    """
    if out is None:
        out = sources[0] if len(sources) == 1 and sources[0].is_dir() else Path()
    options = ReportOptions(target=target, sram=sram, flash=flash, run=not no_run)
    with progress() as listen:
        report, path = session.platform(listen=listen).report(sources, out, options, reporter=reporter)
    tables = [table for build in report["builds"] for table in _verdict(build)]
    session.print(report | {"out": str(path)}, *tables, f"\nwritten to {path}")


def _verdict(build: Mapping[str, Any]) -> list[Table | str]:
    fit = build["fit"]
    budget, counted = fit["budget"], "" if fit["budget"]["code"] is not None else ", constants only"
    line = (
        f"{build['name']} on {build['target']} ({build['source']}): {'fits' if fit['fits'] else 'DOES NOT FIT'}; "
        f"SRAM {fit['sram']:,} of {budget['sram']:,} B, flash {fit['flash']:,} of {budget['flash']:,} B{counted}"
    )
    rows = [
        (each["title"], each["detail"], f"{each['sram']:,} B", f"{each['flash']:,} B", f"x{each['cycles']:.2f}",
         each["flags"])
        for each in fit["changes"]
    ]  # fmt: skip
    if fit["problem"]:
        return [line, f"no change could be planned: {fit['problem']}"]
    if not rows:
        return [line] if fit["fits"] else [line, "no change that was planned makes it fit"]
    title = "what would save SRAM" if fit["fits"] else "what would make it fit"
    return [line, Table(("change", "", "SRAM", "flash", "cycles", "type"), rows, title=title)]
