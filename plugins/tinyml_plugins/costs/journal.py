"""The journal of a calibration: what was measured, batch by batch, one JSON object per line behind a header."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyml_core.errors import InputError


def opened(journal: Path, header: Mapping[str, Any], *, resume: bool) -> dict[int, dict[str, Any]]:
    """The batches in the journal by number; it is begun with ``header`` where there is none.

    Raises:
        InputError: it exists and ``resume`` is not set, is no journal, or has another header.
    """
    if not journal.exists():
        append(journal, header)
        return {}
    if not resume:
        raise InputError("exists already", place=str(journal), remedy="add --resume, or remove the file")
    try:
        content = journal.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]  # a line that a crash tore off is measured again
        first, *lines = [json.loads(line) for line in whole.splitlines()] or [{}]
        differing = ", ".join(sorted(name for name in header if first.get(name) != header[name]))
        done = {int(line["batch"]): line for line in lines}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"is no journal of a calibration: {type(error).__name__}"
        raise InputError(problem, place=str(journal), remedy="remove the file") from None
    if differing:
        raise InputError(
            f"belongs to another calibration, which differs in {differing}", place=str(journal),
            remedy="repeat that calibration's options, or remove the file",
        )  # fmt: skip
    os.truncate(journal, len(whole))
    return done


def append(journal: Path, line: Mapping[str, Any]) -> None:
    """Add a line, which is on the disk when this returns.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        with journal.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", place=str(journal), remedy="name another file"
        ) from None
