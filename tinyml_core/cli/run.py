"""``tinyml run``: a compiled network on the emulated core, every output compared with the reference."""

from __future__ import annotations

from pathlib import Path

import click

from tinyml_core.cli.figure_tables import cost_table, layer_table
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.progress import progress
from tinyml_core.npz import read_npz, write_npz


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    metavar="X.npz",
    help="One array per input (or `x`), leading axis samples; a seeded random sample by default.",
)
@click.option("--output", type=click.Path(path_type=Path), metavar="Y.npz", help="Write the outputs there.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the random sample.")
@click.option("--runner", metavar="NAME", help="What executes the binary, such as qemu; unicorn by default.")
@click.option("--trained", type=click.Path(path_type=Path), metavar="BLOB",
              help="Begin from what a board learnt; for folders of `tinyml adapt`.")  # fmt: skip
@shared_options()
def command(
    session: Session, folder: Path, source: Path | None, output: Path | None, seed: int, runner: str | None,
    trained: Path | None,
) -> None:  # fmt: skip
    """Execute the network in FOLDER on its emulated core and compare every output with the reference."""
    inputs = read_npz(source) if source else None
    with progress() as listen:
        execution = session.platform(listen=listen).run(folder, inputs, seed=seed, runner=runner, trained=trained)
    if output:
        write_npz(output, {**execution.outputs, **execution.state})
    report = execution.report()
    session.print(report, layer_table(report), "", cost_table(report))
    if not execution.exact:
        raise click.exceptions.Exit(1)
