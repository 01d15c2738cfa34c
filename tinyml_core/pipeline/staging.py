"""Staging: an output folder appears whole or not at all.

Work happens in a hidden folder beside the destination, which is renamed at the end. Whatever interrupts it, even
``kill -9``, the destination holds either what it held before or the finished result.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyml_core.errors import InputError

MARK = "manifest.json"
"""The file by which a folder is known as one of ours, which may be replaced."""


@contextmanager
def staged(destination: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces ``destination`` when the block ends without an error.

    Raises:
        InputError: the destination cannot be written, or holds something this program did not make.
    """
    destination = Path(os.path.abspath(destination))
    place = f"output folder {destination}"
    if destination.is_symlink() or (destination.exists() and not destination.is_dir()):
        raise InputError("is not a folder", place=place, remedy="choose another --out")
    if destination.is_dir() and any(destination.iterdir()) and not (destination / MARK).is_file():
        raise InputError("holds other files", place=place, remedy="choose another --out")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=place, remedy="choose another --out") from None
    try:
        yield work
        work.chmod(0o755)
        _replace(work, destination)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _replace(work: Path, destination: Path) -> None:
    """Put ``work`` in the place of ``destination``; a folder cannot be renamed over one that is not empty."""
    if not destination.exists():
        work.rename(destination)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
    destination.rename(old / "old")
    work.rename(destination)
    shutil.rmtree(old, ignore_errors=True)
