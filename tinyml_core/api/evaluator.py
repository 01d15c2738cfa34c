"""Evaluators: how accurate a network will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tinyml_core.api.dataset import Dataset
from tinyml_core.graph.graph import Graph


@dataclass(frozen=True)
class Evaluation:
    """``accuracy`` on the validation split, 0 to 1; ``graph`` is the trained network where there is one."""

    accuracy: float
    graph: Graph | None = None


@runtime_checkable
class Evaluator(Protocol):
    """Judges a float graph; most train it."""

    def evaluate(self, graph: Graph, data: Dataset, seed: int) -> Evaluation:
        """Accuracy of ``graph``; equal arguments give equal results, bit for bit, on one machine."""
        ...
