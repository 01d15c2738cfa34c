"""Trained tensors of a compiled folder: what a board kept as a blob, read for the network that lies there."""

from __future__ import annotations

from pathlib import Path

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.input_file import require_file
from tinyml_core.pipeline.manifest import Manifest
from tinyml_core.pipeline.samples import Array
from tinyml_core.training.blob import BlobLayout, read_blob


def read_trained(path: Path, manifest: Manifest, graph: Graph) -> dict[str, Array]:
    """The tensors in a blob file by name, for the training step whose manifest and graph these are, of one folder.

    Raises:
        InputError: the folder holds no training step, or the blob is damaged, half-written or another network's.
    """
    learning = manifest.learning
    if learning is None:
        raise InputError(
            "keeps no trained tensors", place=f"network {manifest.network!r}", remedy="adapt it first: tinyml adapt"
        )
    layout = BlobLayout(bytes.fromhex(learning.identity), tuple(graph.tensors[name] for name in learning.trained))
    require_file(path)
    try:
        with path.open("rb") as file:
            data = file.read(layout.size + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path), remedy="check the path") from None
    return dict(read_blob(layout, data, str(path)).variables)
