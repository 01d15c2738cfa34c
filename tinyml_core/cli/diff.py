"""``tinyml diff``: two builds side by side, as a table, as one object, or as Markdown for a pull request."""

from __future__ import annotations

from pathlib import Path

import click

from tinyml_core.cli.markdown import code, markdown_table
from tinyml_core.cli.options import Session, shared_options
from tinyml_core.cli.output import Table
from tinyml_core.pipeline.build_figures import read_build
from tinyml_core.pipeline.comparison import Comparison, Difference, compare

MOST_LAYERS = 12
"""Layers that a table shows; ``--json`` tells all."""
COMMENT = "<!-- tinyml diff -->"
"""First line of the Markdown, by which a bot finds the comment that it wrote before."""
_MARKS = {"better": "better", "worse": "worse", "same": "", "unknown": ""}


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--markdown", is_flag=True, help="Print Markdown, for a comment of a pull request.")
@shared_options()
def command(session: Session, a: Path, b: Path, markdown: bool) -> None:
    """Compare build A with build B: folders of `tinyml build` or `compile`, or files of `tinyml run --json`."""
    if markdown and session.json:
        raise click.UsageError("--json and --markdown are two ways to print one thing; give one of them")
    comparison = compare(read_build(a), read_build(b))
    session.print(comparison.report(), *([_markdown(comparison)] if markdown else _tables(comparison)))


def _tables(comparison: Comparison) -> list[Table | str]:
    a, b = comparison.a, comparison.b
    head = ("figure", "A", "B", "change", "%", "", "kind")
    parts: list[Table | str] = [
        Table(head, _rows(comparison), title=f"A: {a.network} on {a.target}; B: {b.network} on {b.target}")
    ]
    if layers := _layer_rows(comparison):
        parts += ["", _layer_title(comparison), Table(("layer", "A", "B", "change"), layers)]
    return [*parts, *(f"Note: {note}" for note in comparison.notes)]


def _markdown(comparison: Comparison) -> str:
    a, b = comparison.a, comparison.b
    lines = [
        COMMENT, f"**{code(a.network)} on {code(a.target)}** against **{code(b.network)} on {code(b.target)}**", "",
        markdown_table(("figure", "A", "B", "change", "%", "", "kind"), _rows(comparison), "lrrrrll"),
    ]  # fmt: skip
    if layers := _layer_rows(comparison):
        table = markdown_table(("layer", "A", "B", "change"), layers, "lrrr")
        lines += ["", f"<details><summary>{_layer_title(comparison)}</summary>", "", table, "", "</details>"]
    return "\n".join([*lines, *(f"\nNote: {code(note)}" for note in comparison.notes)])


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    return [
        (
            f"{row.figure.name}{f' ({row.figure.unit})' if row.figure.unit else ''}", _number(row.a), _number(row.b),
            _number(row.change, sign=True), "" if row.percent is None else f"{row.percent:+.2f}",
            _MARKS[row.verdict], _kind(row),
        )
        for row in comparison.figures
    ]  # fmt: skip


def _layer_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    return [
        (row.name, _number(row.a), _number(row.b), _number((row.b or 0) - (row.a or 0), sign=True))
        for row in comparison.layers[:MOST_LAYERS]
    ]


def _layer_title(comparison: Comparison) -> str:
    changed = len(comparison.layers)
    shown = f", the {MOST_LAYERS} greatest changes" if changed > MOST_LAYERS else ""
    return f"{changed} layer{'s' if changed > 1 else ''} with other instructions{shown}"


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "none"
    return f"{value:{'+' if sign else ''},.4f}" if isinstance(value, float) else f"{value:{'+' if sign else ''},}"


def _kind(row: Difference) -> str:
    kinds = dict.fromkeys(kind for kind in (row.kind_a, row.kind_b) if kind)
    return ", ".join(kinds)
