"""Input files: whether a path that the user gave leads to one, told in one sentence where it does not."""

from __future__ import annotations

from pathlib import Path

from tinyml_core.errors import InputError


def require_file(path: Path) -> None:
    """Return when ``path`` is a regular file: opening a pipe would wait for its writer, a device has no end.

    Raises:
        InputError: it is something else, does not exist, or cannot be reached (a name may be too long).
    """
    try:
        if path.is_file():
            return
        problem = "is no file" if path.exists() else "does not exist"
    except OSError as error:
        problem = f"cannot be reached: {error.strerror}"
    raise InputError(problem, place=str(path), remedy="check the path")
