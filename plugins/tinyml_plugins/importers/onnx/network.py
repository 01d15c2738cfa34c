"""Network: an ONNX graph in a light form, checked and sorted; nothing of the protobuf is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import InputError
from tinyml_core.graph.tensor import DType

Array = npt.NDArray[Any]
Attribute = int | float | bytes | tuple[int, ...] | tuple[float, ...] | tuple[bytes, ...] | Array


@dataclass(frozen=True, eq=False)
class Node:
    """One operation; an input or output left out has the name ''."""

    op_type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    @property
    def place(self) -> str:
        """How errors name this node."""
        return f"node {(self.name or ''.join(self.outputs[:1]))!r} ({printable(self.op_type)})"

    def integer(self, name: str, default: int) -> int:
        """An attribute that is one integer."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise self._wrong(name, "an integer")
        return value

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """An attribute that is a list of integers."""
        value = self.attributes.get(name, default)
        if not isinstance(value, tuple) or not all(isinstance(item, int) for item in value):
            raise self._wrong(name, "a list of integers")
        return tuple(int(item) for item in value)

    def number(self, name: str, default: float) -> float:
        """An attribute that is one finite number."""
        value = self.attributes.get(name, default)
        if not isinstance(value, float) or not np.isfinite(value):
            raise self._wrong(name, "a finite number")
        return value

    def text(self, name: str, default: str) -> str:
        """An attribute that is a string."""
        value = self.attributes.get(name, default.encode())
        if not isinstance(value, bytes):
            raise self._wrong(name, "a string")
        return value.decode("ascii", "backslashreplace")

    def texts(self, name: str) -> tuple[str, ...]:
        """An attribute that is a list of strings, empty where it is left out."""
        value = self.attributes.get(name, ())
        if not isinstance(value, tuple) or not all(isinstance(item, bytes) for item in value):
            raise self._wrong(name, "a list of strings")
        return tuple(item.decode("ascii", "backslashreplace")[:80] for item in value if isinstance(item, bytes))

    def _wrong(self, name: str, kind: str) -> InputError:
        return InputError(f"attribute {name!r} is not {kind}", place=self.place)


@dataclass(frozen=True)
class Port:
    """An input or output as declared; a size that is not given is None, ``shape`` None when nothing is declared."""

    name: str
    dtype: DType
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, eq=False)
class Network:
    """Live nodes in an order that can be executed; every value has one source."""

    name: str
    opset: int
    nodes: tuple[Node, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    constants: Mapping[str, Array]

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Node, ...]]:
        """Value name -> the nodes that read it."""
        readers: dict[str, dict[Node, None]] = {}
        for node in self.nodes:
            for name in node.inputs:
                if name:
                    readers.setdefault(name, {})[node] = None
        return {name: tuple(nodes) for name, nodes in readers.items()}

    @cached_property
    def output_names(self) -> frozenset[str]:
        """Names of the outputs."""
        return frozenset(port.name for port in self.outputs)


def printable(text: str) -> str:
    """A string from the file without anything that a terminal would obey, shortened."""
    return repr(text[:80])[1:-1]
