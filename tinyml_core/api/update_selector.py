"""Update selectors: which tensors learn on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tinyml_core.graph.graph import Graph


@dataclass(frozen=True)
class UpdateScheme:
    """Constants that learn, each with the fraction of its output channels that does (1.0: all)."""

    fractions: tuple[tuple[str, float], ...]


@runtime_checkable
class UpdateSelector(Protocol):
    """Chooses an update scheme."""

    def select(self, graph: Graph, sram_bytes: int) -> UpdateScheme:
        """The scheme for ``graph`` under a budget of ``sram_bytes``."""
        ...
