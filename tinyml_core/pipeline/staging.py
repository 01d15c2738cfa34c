"""Staging: an output folder appears whole or not at all.

Work happens in a hidden folder beside the destination, which is renamed at the end. Whatever interrupts it, even
``kill -9``, the destination holds either what it held before or the finished result; the next run clears away what a
killed one left.
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
def staged(destination: Path, mark: str = MARK) -> Iterator[Path]:
    """Yield an empty folder that replaces ``destination`` when the block ends without an error.

    A folder that is not empty is replaced only where it holds the file ``mark``.

    Raises:
        InputError: the destination cannot be written, or holds something this program did not make.
    """
    destination = Path(os.path.abspath(destination))
    place = f"output folder {destination}"
    if destination.is_symlink() or (destination.exists() and not destination.is_dir()):
        raise InputError("is not a folder", place=place, remedy="choose another --out")
    if destination.is_dir() and any(destination.iterdir()) and not (destination / mark).is_file():
        raise InputError("holds other files", place=place, remedy="choose another --out")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(destination)
        work = _beside(destination)
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
    old = _beside(destination)
    destination.rename(old / "old")
    work.rename(destination)
    shutil.rmtree(old, ignore_errors=True)


def _beside(destination: Path) -> Path:
    """A new hidden folder beside ``destination`` whose name tells which process owns it."""
    return Path(tempfile.mkdtemp(prefix=f".{destination.name}.{os.getpid()}-", dir=destination.parent))


def _clear_abandoned(destination: Path) -> None:
    """Remove the hidden folders of processes that are no more."""
    prefix = f".{destination.name}."
    for path in destination.parent.iterdir():
        owner = path.name.removeprefix(prefix).partition("-")[0]
        if path.name.startswith(prefix) and owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is there, but not ours
        return True
    return True
