"""Markdown that holds text of files: everything that could mean something to a renderer is written as an entity.

Text stands in ``<code>``, where nobody is mentioned and no address becomes a link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinyml_core.cli.output import plain

_ALIGNMENTS = {"l": ":--", "r": "--:"}
_PLAIN = re.compile(r"[A-Za-z0-9 ,.+%()-]*")
LONGEST = 120
"""Characters of a text that are shown."""


def code(text: str) -> str:
    """``text`` as it is, in the font of code."""
    shown = plain(text)
    shown = shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "..."
    return "<code>" + "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in shown) + "</code>"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]], alignment: str) -> str:
    """A table; ``alignment`` has one letter a column, ``l`` or ``r``."""
    lines = [list(columns), [_ALIGNMENTS[letter] for letter in alignment]]
    lines += [[cell if _PLAIN.fullmatch(cell) else code(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
