"""Surveys: what many random networks of a space cost, before any is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.graph.graph import Graph
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.search.candidate import Candidate, Choice

ExecutionMode = Literal["layers", "resident", "rows"]
"""How a network runs: layer by layer; by row rings, the input in memory as a whole; or its rows coming one by one."""

Amounts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Survey:
    """Costs of random networks, one element each."""

    macs: Amounts
    arena_bytes: Amounts
    """The planner's lower bound: what no plan of the execution mode can beat."""
    constant_bytes: Amounts
    """Constants in flash."""


@dataclass(frozen=True)
class SurveyTask:
    """What a survey counts with."""

    generator: CodeGenerator
    profile: HardwareProfile
    sample_shape: tuple[int, ...]
    classes: int
    mode: ExecutionMode


@runtime_checkable
class GridSpace(Protocol):
    """A space with options that say how large its networks are, of which space selection chooses one each."""

    @property
    def grid(self) -> Mapping[str, Sequence[Choice]]:
        """Values to try by option; an option holds a sequence of values, of which a selected space has one."""
        ...


@runtime_checkable
class IntegerSpace(Protocol):
    """A space that writes integer graphs at once, without passes and quantiser."""

    def build_integer(self, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The int8 graph that the bundled passes and quantisers make of the float one, with placeholder scales."""
        ...


@runtime_checkable
class SurveyedSpace(Protocol):
    """A space that knows the costs of many of its networks faster than by planning each."""

    def surveys(
        self, cells: Sequence[Mapping[str, Choice]], samples: int, seed: int, task: SurveyTask
    ) -> list[Survey] | None:
        """Costs of ``samples`` random networks of each cell of the grid, equal to those the planner tells.

        None where only the planner knows them, as some options of a space may have it.
        """
        ...
