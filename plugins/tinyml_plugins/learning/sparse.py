"""Sparse updates: the biases of the last layers, and the weights of some channels of some layers.

Source: On-Device Training Under 256KB Memory (Lin et al. 2022), section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyml_core.api.update_selector import LearningTask, UpdateScheme
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.suggestion import did_you_mean
from tinyml_plugins.learning.channels import largest_channels
from tinyml_plugins.learning.layers import layers_of, with_classifier
from tinyml_plugins.learning.schemes import SCHEMES


@dataclass(frozen=True, kw_only=True)
class Sparse:
    """A searched scheme by name, or a choice of one's own; layers count from 0, the classifier does not."""

    scheme: str = ""
    """A published choice, such as ``mcunet_5fps-49kb``; then the next two stay empty."""
    bias_layers: int = 0
    """Of how many of the last layers the bias learns."""
    weights: tuple[tuple[int, float], ...] = ()
    """Layers whose weights learn, each with the fraction of its channels that does, the largest ones: [[24, 0.25]]."""
    classifier: bool = False
    """Whether the network's own classifier learns too; not where a new one takes its place."""

    def __post_init__(self) -> None:
        """Check names and ranges."""
        numbers = [layer for layer, _ in self.weights]
        if self.scheme and self.scheme not in SCHEMES:
            hint = did_you_mean(self.scheme, SCHEMES)
            raise ValueError(f"scheme {self.scheme!r} is unknown; {hint or 'known are ' + ', '.join(SCHEMES)}")
        if self.scheme and (self.weights or self.bias_layers):
            raise ValueError("a scheme says what learns, so bias_layers and weights must be left out")
        if self.bias_layers < 0:
            raise ValueError(f"bias_layers is {self.bias_layers}, it must not be negative")
        if len(set(numbers)) < len(numbers) or min(numbers, default=0) < 0:
            raise ValueError("weights must name each layer once, by a number from 0")
        if not all(0 <= fraction <= 1 for _, fraction in self.weights):
            raise ValueError("fractions in weights must lie between 0 and 1")

    def select(self, graph: Graph, task: LearningTask | None = None) -> UpdateScheme:
        """The choice, whatever the task.

        Raises:
            InputError: the network has fewer layers, or is not the one that the scheme was searched for.
        """
        layers = layers_of(graph).backbone
        biases, fractions = self.bias_layers, dict(self.weights)
        if self.scheme:
            searched = SCHEMES[self.scheme]
            biases, fractions = searched.biases, dict(searched.weights)
            if len(layers) != searched.convolutions:
                raise InputError(
                    f"has {len(layers)} layers before the classifier, scheme {self.scheme!r} was searched for"
                    f" {searched.convolutions}",
                    place=f"network {graph.name!r}", remedy="give bias_layers and weights instead",
                )  # fmt: skip
        most = max(biases, *(number + 1 for number in fractions)) if fractions else biases
        if most > len(layers):
            raise InputError(
                f"has {len(layers)} layers before the classifier, not {most}", place=f"network {graph.name!r}"
            )
        updates = []
        for number, layer in enumerate(layers):
            update = layer.update(largest_channels(layer, fractions.get(number, 0.0)))
            if number < len(layers) - biases:
                update = replace(update, bias=False)
            if update.bias or update.channels != ():
                updates.append(update)
        return with_classifier(graph, updates, self.classifier)
