"""What commands print: one JSON object, or lines and tables for people.

Text from files and plugins may hold terminal control sequences; every character that is not printable is shown as an
escape, so that text can only ever be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO


@dataclass(frozen=True)
class Table:
    """Rows of plain values under column heads."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str = ""


def plain(text: str) -> str:
    """``text`` in one line, with every non-printable character written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def write_json(report: Mapping[str, Any], stream: TextIO) -> None:
    """Write one JSON object in ASCII; a value JSON does not know is a programming error and raises TypeError."""
    text = json.dumps(report, indent=2, allow_nan=False)
    stream.write(text.replace("\x7f", "\\u007f") + "\n")


def write_parts(parts: Sequence[Table | str], stream: TextIO) -> None:
    """Write lines and tables; a table is as wide as the terminal, or as its content where there is none."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    def shown(text: str) -> Text:
        # Text, not str, because rich reads markup in strings; encoded, because a C locale has no é.
        encoding = stream.encoding or "ascii"
        return Text(plain(text).encode(encoding, "backslashreplace").decode(encoding))

    console = Console(file=stream, width=None if stream.isatty() else 10_000, highlight=False)
    for part in parts:
        if isinstance(part, str):
            for line in part.split("\n"):
                console.print(shown(line), soft_wrap=True)
            continue
        table = RichTable(box=None, pad_edge=False, title=shown(part.title) if part.title else None)
        table.title_justify = "left"
        for column in part.columns:
            table.add_column(column, overflow="fold")
        for row in part.rows:
            table.add_row(*(shown(str(cell)) for cell in row))
        console.print(table)
