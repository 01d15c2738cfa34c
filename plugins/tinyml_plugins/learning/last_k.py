"""The last layers learn: classical transfer learning."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.update_selector import LearningTask, UpdateScheme
from tinyml_core.graph.graph import Graph
from tinyml_plugins.learning.layers import last_layers, with_classifier


@dataclass(frozen=True, kw_only=True)
class LastK:
    """Every weight and bias of the last layers."""

    layers: int = 3
    """How many, the classifier not counted; 3 are the last inverted bottleneck, 0 leave the classifier alone."""
    classifier: bool = False
    """Whether the network's own classifier learns too; not where a new one takes its place."""

    def __post_init__(self) -> None:
        """Check the number."""
        if self.layers < 0:
            raise ValueError(f"layers is {self.layers}, it must not be negative")

    def select(self, graph: Graph, task: LearningTask | None = None) -> UpdateScheme:
        """The last layers, whatever the task."""
        return with_classifier(
            graph, [layer.update(None) for layer in last_layers(graph, self.layers)], self.classifier
        )
