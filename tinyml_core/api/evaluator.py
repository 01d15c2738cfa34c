"""Evaluators: how accurate a network will be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tinyml_core.api.dataset import Dataset
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.graph.graph import Graph


@dataclass(frozen=True)
class Evaluation:
    """``accuracy`` on the validation split, 0 to 1; ``graph`` is the trained network where there is one."""

    accuracy: float
    graph: Graph | None = None
    losses: tuple[float, ...] = ()
    """Of every step of its training, in order; empty where there was none."""


@runtime_checkable
class Evaluator(Protocol):
    """Judges a float graph; most train it."""

    def evaluate(self, graph: Graph, data: Dataset, seed: int) -> Evaluation:
        """Accuracy of ``graph``; equal arguments give equal results, bit for bit, on one machine."""
        ...


@runtime_checkable
class PreparedEvaluator(Evaluator, Protocol):
    """An evaluator with work that all evaluations of a search share, such as the training of a super-network."""

    def prepare(self, space: SearchSpace, data: Dataset, seed: int, hear: Callable[[int, float], None]) -> None:
        """Do that work, or what is left of it, before the first evaluation and in the process that searches.

        What it leaves lies where evaluators with the same options, in other processes too, find it. ``hear`` is told
        the steps done so far and a figure that falls as the work goes well, such as a loss.
        """
        ...

    def identity(self) -> str:
        """A hash of what :meth:`prepare` left: evaluations by equal ones are equal.

        Raises:
            InputError: nothing has been prepared.
        """
        ...
