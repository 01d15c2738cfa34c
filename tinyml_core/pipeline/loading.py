"""Loading: from a model file, by the suffix of its name, or from another library's object to a verified graph."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_core.api.importer import Importer, ModuleImporter
from tinyml_core.errors import PluginError, UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import load
from tinyml_core.graph.verify import verify
from tinyml_core.input_file import require_file

if TYPE_CHECKING:
    from tinyml_core.platform import Platform

_log = logging.getLogger(__name__)

SAVED_GRAPH = ".tinyml"
"""Suffix of a graph saved by this platform."""


def load_model(path: Path, platform: Platform) -> Graph:
    """The network in ``path``.

    Raises:
        InputError: there is no such file, or it is damaged.
        UnsupportedError: no importer reads files of this suffix, or several do.
    """
    suffix = path.suffix.lower()
    require_file(path)
    if suffix == SAVED_GRAPH:
        return load(path)
    importers, broken = _importers(platform)
    claims = [name for name, importer in importers.items() if suffix in importer.suffixes]
    if len(claims) == 1:
        return verify(importers[claims[0]].read(path))
    known = ", ".join(sorted({SAVED_GRAPH, *(s for importer in importers.values() for s in importer.suffixes)}))
    if claims:
        raise UnsupportedError(
            f"several importers read {suffix} files: {', '.join(claims)}", place=str(path),
            remedy=f"leave out the plugins of all but one with --no-plugin, see: tinyml show importer {claims[0]}",
        )  # fmt: skip
    failed = "".join(f"; importer {name!r} failed: {error.problem}" for name, error in broken.items())
    raise UnsupportedError(
        f"no importer reads {suffix or 'suffixless'} files{failed}", place=str(path), remedy=f"known: {known}"
    )


def _importers(platform: Platform) -> tuple[dict[str, Importer], dict[str, PluginError]]:
    """The importers that work, and why the others do not: one that breaks must not keep the rest from reading."""
    working: dict[str, Importer] = {}
    broken: dict[str, PluginError] = {}
    for name in platform.names(Importer):
        try:
            working[name] = platform.create(Importer, name)
        except PluginError as error:
            _log.warning("%s", error)
            broken[name] = error
    return working, broken


def load_module(module: object, example: object, platform: Platform) -> Graph:
    """The network of an object of another library, such as a PyTorch module.

    Raises:
        InputError: ``example`` does not suit.
        UnsupportedError: no importer accepts such objects, or the network uses something unknown.
    """
    for name in platform.names(Importer):
        importer = platform.create(Importer, name)
        if isinstance(importer, ModuleImporter) and importer.accepts(module):
            return verify(importer.convert(module, example))
    kind = type(module)
    raise UnsupportedError(
        f"no importer takes objects of type {kind.__module__}.{kind.__qualname__}",
        remedy="give the path of a model file or a torch.nn.Module",
    )
