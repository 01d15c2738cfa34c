"""Journals of a project's searches: what identifies one, and where a build keeps its own.

A build is resumed without being asked to, so its journals are named after everything that shapes a result: the project,
the samples and the versions of the plugins. One that is killed continues where it was; one that was changed begins
afresh.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinyml_core import __version__
from tinyml_core.api.dataset import Dataset
from tinyml_core.config import Project, Reference
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.tensor import Array
from tinyml_core.search.journal import fingerprint

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


def digest(data: Dataset) -> str:
    """A hash of the samples a search sees."""
    seen = hashlib.sha256()
    for split in (data.train, data.validation):
        arrays: list[Array] = [split.x, split.y, *(split.inputs[name] for name in sorted(split.inputs))]
        for array in arrays:
            seen.update(f"{array.dtype}{array.shape}".encode())
            seen.update(np.ascontiguousarray(array).data)
    return seen.hexdigest()


def search_fingerprint(project: Project, strategy: Reference, samples: str) -> str:
    """Equal for searches that have the same result; ``samples`` is :func:`digest`."""
    shaping = project.model_dump(
        exclude={
            "name": True,
            "training": True,
            "reporters": True,
            "search": {"workers", "executor", "baseline", "cache"},
        }
    )
    return fingerprint(shaping | {"strategy": strategy.model_dump(), "samples": samples})


class BuildJournals:
    """The journals of builds into the folder ``out``: hidden files beside it."""

    def __init__(self, out: Path, platform: Platform) -> None:
        self._out = out.absolute()
        self._versions = [__version__, *(f"{one.name} {one.distribution} {one.version}" for one in platform.describe())]

    @contextmanager
    def keep(self, stage: str, search: str) -> Iterator[Path]:
        """The journal of a stage whose search has the fingerprint ``search``.

        One in which every evaluation failed is removed, since what it tells may have been remedied.
        """
        identity = fingerprint({"search": search, "versions": self._versions})
        path = self._out.parent / f".{self._out.name}.{stage}-{identity}.jsonl"
        try:
            yield path
        except UnsupportedError:
            path.unlink(missing_ok=True)
            raise

    def remove(self) -> None:
        """Remove them all: the build is finished."""
        for path in self._out.parent.glob(f".{glob.escape(self._out.name)}.*-{'[0-9a-f]' * 16}.jsonl"):
            path.unlink(missing_ok=True)
