"""Calls of ATen operators, and the ONNX nodes that they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.fx import Node

from tinyml_core.errors import UnsupportedError
from tinyml_plugins.importers.onnx.network import Array, Attribute

TYPES = {torch.float32: 1, torch.int32: 6, torch.int64: 7, torch.bool: 9}
"""Types that are computed in -> their numbers in ONNX."""


@dataclass(frozen=True)
class Result:
    """One of several results of a call."""

    name: str


@dataclass(frozen=True, eq=False)
class Step:
    """An ONNX node with ``outputs`` results.

    Its inputs are values of the program, constants, what other steps compute, or None where one is left out.
    """

    op_type: str
    inputs: tuple[Node | Result | Array | Step | Part | None, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    outputs: int = 1


@dataclass(frozen=True, eq=False)
class Part:
    """One of several results of a step; the step itself stands for the first."""

    step: Step
    index: int


Operand = Node | Array | Step


@dataclass(frozen=True, eq=False)
class Call:
    """A call of an ATen operator, its arguments by the names of the operator's schema, defaults filled in.

    ``constants`` are what is known of the program's values by now, by their names.
    """

    node: Node
    arguments: Mapping[str, Any]
    constants: Mapping[str, Array]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - tensors, numbers, lists
        return self.arguments[name]

    @property
    def shape(self) -> tuple[int, ...]:
        """The result's shape."""
        return shape_of(self.node)

    def sizes(self, name: str, default: str = "", *, count: int = 2) -> tuple[int, ...]:
        """An argument for ``count`` axes of an image; that called ``default`` where it is empty."""
        given = self[name]
        given = given if given not in (None, [], ()) else self[default]
        values = [int(value) for value in (given if isinstance(given, list | tuple) else [given])]
        return tuple(values) if len(values) == count else (values[0],) * count

    def constant(self, value: Node) -> Array:
        """The data of an argument that is a parameter."""
        if value.name not in self.constants:
            raise self.unsupported(f"computes its parameter {value.name!r}, which must be constant")
        return self.constants[value.name]

    def demand(self, name: str, *wanted: object) -> None:
        """Refuse the call unless an argument has one of the values ``wanted``."""
        if self[name] not in wanted:
            raise self.unsupported(f"has {name}={self[name]}")

    def unsupported(self, problem: str) -> UnsupportedError:
        """The error that refuses this call."""
        return UnsupportedError(problem, place=f"node {self.node.name!r} ({self.node.target})")

    def promoted(self, *names: str, least: torch.dtype | None = None) -> tuple[Operand, ...]:
        """Two arguments, tensors or numbers, in the type that PyTorch computes in, float32 where ``least`` says so."""
        values = [self[name] for name in names]
        dtype = torch.result_type(*(each.meta["val"] if isinstance(each, Node) else each for each in values))
        if least is not None and not dtype.is_floating_point:
            dtype = least
        return tuple(self.as_type(each, dtype) for each in values)

    def as_type(self, value: Node | float, dtype: torch.dtype) -> Operand:
        """A value in another type, a number as a constant."""
        if dtype not in TYPES:
            raise self.unsupported(f"computes in {dtype}; float32, int32, int64 and bool are known")
        if not isinstance(value, Node):
            return np.array(value, str(dtype).removeprefix("torch."))
        return value if value.meta["val"].dtype is dtype else Step("Cast", (value,), {"to": TYPES[dtype]})


Rule = Callable[[Call], "Step | Array | tuple[Step, ...]"]
"""What a call becomes: a step, a constant, or one step for each of its results."""


def shape_of(node: Node) -> tuple[int, ...]:
    """The shape of a value."""
    return tuple(int(size) for size in node.meta["val"].shape)


def number(value: float) -> Array:
    """A float32 constant."""
    return np.array(value, np.float32)


def integers(*values: int) -> Array:
    """A list of integers."""
    return np.array(values, np.int64)
