"""The ONNX importer: from a file to a verified graph whose ports keep the file's names and layouts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyml_core.errors import GraphError, InputError, TinyMLError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.verify import verify
from tinyml_plugins.importers.onnx.conversion import convert
from tinyml_plugins.importers.onnx.qoperator import expand
from tinyml_plugins.importers.onnx.reading import read_network


@dataclass(frozen=True, kw_only=True)
class OnnxImporter:
    """Reads ONNX networks, opset 13 to 28: float32, QDQ, QOperator and dynamic ones of onnxruntime, PT2E exports.

    The graph rounds once (``Rounding.SINGLE``). onnxruntime rounds once too, halves to even and in float32: given the
    same integers, a layer differs by at most one, and only where the real result lies at a tie.
    """

    suffixes: tuple[str, ...] = (".onnx",)
    """File name endings."""

    def read(self, path: Path) -> Graph:
        """The network in a file.

        Raises:
            InputError: the file is no ONNX model or is not consistent in itself.
            UnsupportedError: it uses something this importer does not know; names it.
        """
        try:
            return verify(convert(expand(read_network(path))))
        except TinyMLError as error:
            kind = InputError if isinstance(error, GraphError) else type(error)
            place = f"{path}, {error.place}" if error.place else str(path)
            raise kind(error.problem, place=place, remedy=error.remedy) from None
