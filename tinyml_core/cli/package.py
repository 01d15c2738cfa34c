"""``tinyml package``: a compiled network becomes a library or project of an ecosystem, offline."""

from __future__ import annotations

from pathlib import Path

import click

from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.yaml_reader import parse_scalar


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--for",
    "ecosystem",
    required=True,
    metavar="NAME",
    help="Such as arduino or zephyr; `tinyml show project-writer` lists them.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder to write; PREFIX-NAME by default.")
@shared_options(overrides=True)
def command(session: Session, folder: Path, ecosystem: str, out: Path | None) -> None:
    """Write the compiled network in FOLDER as a project of an ecosystem; --set changes options of its writer."""
    options = {name: parse_scalar(text) for name, text in session.overrides}
    packaged = session.platform().package(folder, ecosystem, out, options)
    rows = [(path, f"{size:,}") for path, size in packaged.files.items()]
    guide = [f"Next: see {packaged.folder / 'README.md'}"] if "README.md" in packaged.files else []
    title = f"{packaged.network} for {ecosystem}, in {packaged.folder}"
    session.print(packaged.report(), Table(("file", "bytes"), rows, title=title), *guide)
