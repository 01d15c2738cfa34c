"""Quantizers: from a float graph to an integer one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tinyml_core.api.dataset import Dataset
from tinyml_core.graph.graph import Graph


@runtime_checkable
class Quantizer(Protocol):
    """Chooses scales, and may fine-tune the weights to them."""

    def quantize(self, graph: Graph, data: Dataset | None, seed: int) -> Graph:
        """An int8 graph with int8 inputs and outputs that computes what ``graph`` does, nearly.

        Without ``data`` the scales are placeholders: shapes, types and so every memory figure are right, values are
        not. Cost models are given such graphs.
        """
        ...
