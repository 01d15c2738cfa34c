"""Update selectors: which layers, and which of their channels, learn on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tinyml_core.api.dataset import Dataset
from tinyml_core.graph.graph import Graph


@dataclass(frozen=True)
class LayerUpdate:
    """What of one layer learns."""

    node: str
    """Name of a Conv2D, DepthwiseConv2D or FullyConnected node."""
    bias: bool = True
    channels: tuple[int, ...] | None = ()
    """Input channels (depthwise: output channels) whose weights learn, ascending; () none, None all."""


@dataclass(frozen=True)
class UpdateScheme:
    """Everything that learns; layers that are not named stay as they are."""

    layers: tuple[LayerUpdate, ...]
    """In the order of the graph, each at most once."""


@runtime_checkable
class UpdateSelector(Protocol):
    """Chooses an update scheme."""

    def select(self, graph: Graph, sram_bytes: int | None = None, data: Dataset | None = None) -> UpdateScheme:
        """The scheme for ``graph``.

        Args:
            graph: the int8 network.
            sram_bytes: budget, where the selector weighs memory.
            data: what is to be learnt, where the selector looks at it; its training split only.

        Raises:
            InputError: the selector's options or the data do not suit ``graph``, or it needs data and has none.
            CapacityError: nothing it could choose fits the budget.
        """
        ...
