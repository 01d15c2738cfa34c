"""TfliteImporter: reads ``.tflite`` files without TensorFlow.

What it accepts computes, on the reference executor and on every target, the bytes that TensorFlow Lite Micro computes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path

from tinyml_core.errors import GraphError, InputError, UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.verify import verify
from tinyml_plugins.importers.tflite.borders import fold_borders
from tinyml_plugins.importers.tflite.flatbuffer import Reader
from tinyml_plugins.importers.tflite.network import convert
from tinyml_plugins.importers.tflite.schema import IDENTIFIER, Model

LARGEST_FILE = 1 << 26
"""Bytes of a file that are read; microcontrollers hold a few megabytes."""
LARGEST_CONSTANTS = 1 << 28
"""Bytes of all constants together: tensors may share a buffer, so that a small file can claim any number."""
DEFECTS = (struct.error, ValueError, TypeError, IndexError, OverflowError)
"""What the flatbuffers runtime and NumPy raise on a damaged file."""


@dataclass(frozen=True, kw_only=True)
class TfliteImporter:
    """Reader of TensorFlow Lite files."""

    float_borders: bool = False
    """Keep the QUANTIZE and DEQUANTIZE operators at inputs and outputs, so that the device converts real numbers."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """File name endings."""
        return (".tflite",)

    def read(self, path: Path) -> Graph:
        """The verified network in a file, with ``tflite`` rounding.

        Raises:
            InputError: the file cannot be read, is damaged, too large, or contradicts itself.
            UnsupportedError: it uses something this importer does not know.
        """
        place = str(path)
        data = _contents(path)
        try:
            graph = self.convert(data, path.stem, place)
        except GraphError as error:
            raise InputError(error.problem, place=f"{place}, {error.place}", remedy=error.remedy) from None
        except UnsupportedError as error:
            if error.place.startswith(place):
                raise
            raise UnsupportedError(error.problem, place=f"{place}, {error.place}", remedy=error.remedy) from None
        except DEFECTS as error:
            raise InputError(
                f"is damaged ({type(error).__name__}: {error})", place=place, remedy="get the file again"
            ) from None
        return graph

    def convert(self, data: bytes, name: str, place: str) -> Graph:
        """The verified network in the bytes of a file; raises what :meth:`read` does, and :data:`DEFECTS`."""
        if data[4:8] != IDENTIFIER:
            raise InputError("is no TensorFlow Lite file", place=place, remedy="give a .tflite file")
        reader = Reader(data, place)
        graph = convert(reader.table(Model, reader.target(0)), reader, name, place)
        if not self.float_borders:
            graph = fold_borders(graph)
        used = {*graph.inputs, *graph.outputs}
        used.update(each for node in graph.nodes for each in (*node.inputs, *node.outputs))
        graph = replace(graph, tensors={key: graph.tensors[key] for key in graph.tensors if key in used})
        if graph.constant_bytes > LARGEST_CONSTANTS:
            raise InputError(
                f"claims {graph.constant_bytes} bytes of constants, the limit is {LARGEST_CONSTANTS}", place=place
            )
        return verify(graph)


def _contents(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe or device would never end
            raise InputError("is no file", place=str(path), remedy="check the path")
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=str(path), remedy="check it") from None
    if len(data) > LARGEST_FILE:
        raise InputError(f"is larger than {LARGEST_FILE} bytes", place=str(path), remedy="give a smaller network")
    return data
