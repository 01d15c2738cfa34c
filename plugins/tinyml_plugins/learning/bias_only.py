"""Biases learn: their gradients need no saved activations, only one bit for each output that may have saturated."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.update_selector import LearningTask, UpdateScheme
from tinyml_core.graph.graph import Graph
from tinyml_plugins.learning.layers import last_layers, with_classifier


@dataclass(frozen=True, kw_only=True)
class BiasOnly:
    """The biases of all layers, or of the last ones."""

    layers: int | None = None
    """How many of the last layers, the classifier not counted; all where absent."""
    classifier: bool = False
    """Whether the network's own classifier learns too, weights included; not where a new one takes its place."""

    def __post_init__(self) -> None:
        """Check the number."""
        if self.layers is not None and self.layers < 0:
            raise ValueError(f"layers is {self.layers}, it must not be negative")

    def select(self, graph: Graph, task: LearningTask | None = None) -> UpdateScheme:
        """The last biases, whatever the task; layers without a bias stay as they are."""
        biased = [layer.update(()) for layer in last_layers(graph, self.layers) if layer.bias]
        return with_classifier(graph, biased, self.classifier)
