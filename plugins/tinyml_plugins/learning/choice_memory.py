"""The extra memory of choices, of which an evolution asks thousands."""

from __future__ import annotations

import math
from functools import cached_property

from tinyml_core.graph.graph import Graph
from tinyml_plugins.learning.channels import largest_channels
from tinyml_plugins.learning.contribution import Choice
from tinyml_plugins.learning.extra_memory import layer_memory
from tinyml_plugins.learning.layers import layers_of


class ChoiceMemory:
    """What :func:`~tinyml_plugins.learning.extra_memory.extra_memory` says of the scheme that a choice stands for."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._layers = graph, layers_of(graph)
        self._known: dict[tuple[int, bool, float], int] = {}

    def bytes(self, choice: Choice) -> int:
        """Of one training step, batch 1."""
        fractions, layers = dict(choice.weights), self._layers.backbone
        first = len(layers) - choice.bias_layers
        numbers = {*range(first, len(layers)), *fractions}
        bits = sum(self._bits(number, number >= first, fractions.get(number, 0.0)) for number in numbers)
        return math.ceil((self._classifier_bits + bits) / 8)

    @cached_property
    def _classifier_bits(self) -> int:
        classifier = self._layers.classifier
        return 0 if classifier is None else 8 * self._graph.tensors[classifier.node.inputs[0]].elements

    def _bits(self, number: int, bias: bool, fraction: float) -> int:
        key = (number, bias, fraction)
        if key not in self._known:
            layer = self._layers.backbone[number]
            channels, bias = largest_channels(layer, fraction), bias and layer.bias
            learns = bias or channels != ()
            self._known[key] = layer_memory(self._graph, layer, bias, channels).bits if learns else 0
        return self._known[key]
