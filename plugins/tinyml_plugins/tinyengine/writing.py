"""Writing: what of a program is printed: its layers with the stages they run in, its inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.operators import (
    Add,
    BiasGradient,
    Binary,
    Concat,
    Expand,
    Gather,
    MatMul,
    MergeChannels,
    SaturatingSubtract,
    SaturationMask,
    Slice,
    StochasticRound,
)
from tinyml_core.graph.tensor import Tensor
from tinyml_core.program.program import Program, Segment, Step
from tinyml_plugins.tinyengine.kernel import C_TYPES, Layer

SMALL = frozenset(
    {
        Add, BiasGradient, Binary, Concat, Expand, Gather, MatMul, MergeChannels, SaturatingSubtract, SaturationMask,
        Slice, StochasticRound,
    }
)  # fmt: skip
"""Operators of training steps that are many and do little."""


@dataclass(frozen=True)
class Port:
    """An input or output of the network as the header shows it: ``name`` and ``MACRO`` complete the prefix."""

    name: str
    macro: str
    tensor: Tensor
    ctype: str
    offset: int


@dataclass(frozen=True)
class Stage:
    """What runs as one: a whole layer, or the layers of a segment row by row."""

    layers: tuple[WrittenLayer, ...]
    segment: Segment | None = None

    @property
    def events(self) -> list[int]:
        """The order as printed: 0 for an arrival, else 1 more than the step's place in the segment."""
        assert self.segment is not None
        events = [event + 1 for event in self.segment.order]
        return events if self.segment.pushed else [event for event in events if event]


@dataclass(frozen=True)
class WrittenLayer:
    """A step with the statements of its function; no ``symbol`` where there is nothing to do."""

    number: int
    step: Step
    layer: Layer
    body: str

    @property
    def symbol(self) -> str:
        """The C function, or ""."""
        return self.layer.symbol if self.body else ""

    @property
    def small(self) -> bool:
        """Whether size counts more than speed: around the gradients of a training step."""
        return bool(self.layer.graph.state) and type(self.step.node.op) in SMALL

    @property
    def ignores_row(self) -> bool:
        """Whether the function gets a row that it has no use for, as where there is only one."""
        return self.layer.rowwise and not re.search(r"\brow\b", self.body)


def stages_of(program: Program, written: Sequence[WrittenLayer]) -> list[Stage]:
    """The stages of a program in their order."""
    stages, number = [], 0
    while number < len(written):
        segment = program.segment_of(number)
        last = segment.last if segment else number
        stages.append(Stage(tuple(written[number : last + 1]), segment))
        number = last + 1
    return stages


def ports_of(program: Program, names: Sequence[str], role: str) -> list[Port]:
    """The inputs or the outputs of these names.

    Raises:
        UnsupportedError: one is a constant or of a type that C lacks.
    """
    ports = []
    for index, name in enumerate(names):
        tensor = program.graph.tensors[name]
        if tensor.data is not None:
            raise UnsupportedError("is a constant, which needs no device", place=f"graph {role} {name!r}")
        if tensor.dtype not in C_TYPES:
            raise UnsupportedError(f"has type {tensor.dtype.value}", place=f"graph {role} {name!r}")
        suffix = role if len(names) == 1 else f"{role}_{index}"
        offset = program.buffer_of(name).offset
        ports.append(Port(suffix, suffix.upper(), tensor, C_TYPES[tensor.dtype], offset))
    return ports
