"""Importers: readers of model files, and of networks that live in another library."""

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


@runtime_checkable
class ModuleImporter(Protocol):
    """What an importer may do besides: convert a network that is an object of another library, such as PyTorch's."""

    def accepts(self, module: object) -> bool:
        """Whether ``module`` is of the library; imports nothing, since the caller has imported what made it."""
        ...

    def convert(self, module: object, example: object) -> Graph:
        """The network of ``module``; ``example`` is its input, or a tuple of them, of which shapes and types count.

        Raises:
            InputError: ``example`` does not suit.
            UnsupportedError: the module uses something this importer does not know.
        """
        ...
