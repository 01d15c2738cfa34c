"""Training optimizers: update rules for learning on the device.

A rule is written as operators of the graph, so that the reference executor and every code generator can carry it out.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.tensor import Tensor


@runtime_checkable
class TrainingOptimizer(Protocol):
    """One update rule."""

    def state(self, parameter: Tensor) -> tuple[Tensor, ...]:
        """Tensors to keep between steps for ``parameter``; their bytes count as SRAM."""
        ...

    def update(self, builder: GraphBuilder, parameter: str, gradient: str, state: tuple[str, ...]) -> tuple[str, ...]:
        """Append the update to ``builder`` and return the new parameter followed by the new state."""
        ...
