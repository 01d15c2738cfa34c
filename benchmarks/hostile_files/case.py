"""Case: what became of one file in one step, and how files are laid out for it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hostile_files.family import Family

BAD = ("traceback", "crashed", "hung", "memory", "leftovers", "unnamed", "inexact")
"""Outcomes that must not be."""


@dataclass(frozen=True)
class Case:
    """What became of one file.

    ``step`` is ``read``, ``generate`` (sources and the reference's outputs), ``prove`` (compiled for the host and run)
    or ``emulate`` (compiled by a command's code and run on the emulated core).
    """

    step: str
    family: str
    number: int
    kind: str
    outcome: str
    detail: str


def lay_out(family: Family, data: bytes, folder: Path) -> Path:
    """Empty ``folder``, write a file of ``family`` into it and return its path."""
    for each in folder.iterdir():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    for name, content in family.beside.items():
        (folder / name).write_bytes(content)
    (folder / family.file).write_bytes(data)
    return folder / family.file
