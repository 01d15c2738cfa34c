"""Importers: readers of model files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from tinyml_core.graph.graph import Graph


@runtime_checkable
class Importer(Protocol):
    """Reads model files of some suffixes, such as ``.tflite``."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """File name endings this importer reads, with the dot, in lower case."""
        ...

    def read(self, path: Path) -> Graph:
        """The network in a file.

        Raises:
            InputError: the file cannot be read as what it claims to be.
            UnsupportedError: it uses something this importer does not know.
        """
        ...
