"""Names: what may become a C identifier, and what of a name from a file may stand in a C comment.

Names in a model file are chosen by whoever wrote it. None of them becomes an identifier; in comments only letters,
digits and a few harmless marks survive, so that no name can end a comment, continue a line or form a trigraph.
"""

from __future__ import annotations

import re

from tinyml_core.errors import InputError

LONGEST_NAME = 60
"""Characters of a name that a comment shows."""

_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:/ -]")
_TAKEN = frozenset(
    {
        "main", "startup", "stddef", "stdint", "tinyml_arithmetic", "tinyml_float", "tinyml_pairs", "tinyml_pointwise",
        "tinyml_trigonometry",
    }
)  # fmt: skip
"""Names of files that lie beside the generated ones or that these include."""


def check_prefix(prefix: str) -> None:
    """Check that ``prefix`` can start every public name and every file name.

    Raises:
        InputError: it cannot.
    """
    if not _PREFIX.fullmatch(prefix):
        raise InputError(
            "is no prefix of C names",
            place=f"prefix {prefix!r}",
            remedy="use up to 48 letters, digits and underscores, a letter first",
        )
    if prefix.lower() in _TAKEN:
        raise InputError("names a file of another purpose", place=f"prefix {prefix!r}", remedy="choose another prefix")


def comment_text(text: str) -> str:
    """``text`` fit for a C comment: printable ASCII without ``*``, ``?`` and backslash, bounded in length."""
    safe = _UNSAFE.sub("_", text[: LONGEST_NAME + 1])
    return safe if len(safe) <= LONGEST_NAME else safe[: LONGEST_NAME - 3] + "..."
