"""Everything learns: the most accurate choice where memory does not matter, and the yardstick."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.update_selector import LearningTask, UpdateScheme
from tinyml_core.graph.graph import Graph
from tinyml_plugins.learning.layers import last_layers, with_classifier


@dataclass(frozen=True, kw_only=True)
class Full:
    """Every weight and bias before the classifier."""

    classifier: bool = False
    """Whether the network's own classifier learns too; not where a new one takes its place."""

    def select(self, graph: Graph, task: LearningTask | None = None) -> UpdateScheme:
        """All layers, whatever the task."""
        return with_classifier(graph, [layer.update(None) for layer in last_layers(graph, None)], self.classifier)
