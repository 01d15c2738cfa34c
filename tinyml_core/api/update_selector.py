"""Update selectors: which layers, and which of their channels, learn on the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tinyml_core.api.dataset import Dataset
from tinyml_core.graph.graph import Graph

if TYPE_CHECKING:
    from tinyml_core.platform import Platform


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


@dataclass(frozen=True)
class StepPlan:
    """What planning a training step has found."""

    bytes: int | None
    """SRAM, stack reserve included, be it within a budget or not; None where there is no plan."""
    binding: str
    """What sets it, or what there is no room for, in words."""


class SramBudget(Protocol):
    """The SRAM that a training step may take, and what the steps of schemes would take, as the planner counts it."""

    @property
    def bytes(self) -> int:
        """All of it, stack reserve included."""
        ...

    @property
    def place(self) -> str:
        """What the figures hold for: target, generator and how steps are made and planned, in words."""
        ...

    def least(self, scheme: UpdateScheme) -> int:
        """The bytes that no plan of the scheme's step goes below; known fast, since nothing is placed."""
        ...

    def planned(self, scheme: UpdateScheme) -> StepPlan:
        """The plan of the scheme's step; some minutes for a large network."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class LearningTask:
    """What a network is to learn, how, and within what: a selector looks at what it needs."""

    data: Dataset | None = None
    """Samples as the network takes them; its test split is not for choices."""
    sram: SramBudget | None = None
    """What the step has to fit into; None where nothing is asked."""
    classes: int | None = None
    """Of a new float32 head; None keeps the network's own."""
    optimizer: str = "qas"
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    loss: str = "cross-entropy"
    seed: int = 0
    """Of a new head's first weights."""
    platform: Platform | None = None
    """Supplies further components by name to selectors that try things out."""
    journal: Path | None = None
    """File in which such a selector keeps what it has paid for, and looks for what it had; none where absent."""
    hear: Callable[[int, str], None] = lambda steps, note: None
    """Told of steps done, each with a note."""


@runtime_checkable
class UpdateSelector(Protocol):
    """Chooses an update scheme."""

    def select(self, graph: Graph, task: LearningTask | None = None) -> UpdateScheme:
        """The scheme for ``graph``.

        Args:
            graph: the int8 network.
            task: what the scheme is for, where the selector looks at it; selectors with a fixed choice do not.

        Raises:
            InputError: the selector's options or the task do not suit ``graph``, or it needs what the task lacks.
            CapacityError: nothing it could choose fits the budget; names what binds.
        """
        ...
