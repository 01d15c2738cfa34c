"""The extra memory of an update scheme as its authors count it, which is what published schemes are named after.

It is not SRAM: inference, gradients, scratch memory, stack and the classifier's own weights are left out. What a
training step really needs, the planner says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinyml_core.api.update_selector import UpdateScheme
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_plugins.learning.layers import Layer, layers_of


@dataclass(frozen=True)
class ExtraMemory:
    """Bits of one training step, batch 1."""

    parameters: int
    """Weights that learn at 8 bits each, and biases at 32."""
    activations: int
    """Inputs of the channels that learn and of the classifier at 8 bits, and 1 bit for each output of a layer."""

    @property
    def bits(self) -> int:
        """Both together."""
        return self.parameters + self.activations

    @property
    def bytes(self) -> int:
        """Both together, in bytes."""
        return math.ceil(self.bits / 8)


def extra_memory(graph: Graph, scheme: UpdateScheme) -> ExtraMemory:
    """The extra memory of ``scheme`` on ``graph``, its classifier counted by its input alone.

    Source: On-Device Training Under 256KB Memory (Lin et al. 2022), and its public release.

    Raises:
        InputError: the scheme names a layer that the network does not have.
    """
    layers = layers_of(graph)
    known = {layer.node.name: layer for layer in layers.backbone}
    parameters = activations = 0
    classifier = layers.classifier
    if classifier is not None:
        activations += 8 * graph.tensors[classifier.node.inputs[0]].elements
    for update in scheme.layers:
        if classifier is not None and update.node == classifier.node.name:
            continue
        if update.node not in known:
            raise InputError(f"has no layer {update.node!r} with constant weights", place=f"network {graph.name!r}")
        added = layer_memory(graph, known[update.node], update.bias, update.channels)
        parameters, activations = parameters + added.parameters, activations + added.activations
    return ExtraMemory(parameters, activations)


def layer_memory(graph: Graph, layer: Layer, bias: bool, channels: tuple[int, ...] | None) -> ExtraMemory:
    """The share of one layer that learns: its bias, where ``bias``, and the weights of ``channels``."""
    source, output = (graph.tensors[name] for name in (layer.node.inputs[0], layer.node.outputs[0]))
    chosen = range(layer.channels) if channels is None else channels
    filters = layer.channels // source.shape[-1]  # of a depthwise convolution, for each input channel
    saved = len({channel // filters for channel in chosen})
    return ExtraMemory(
        parameters=32 * output.shape[-1] * bias + 8 * len(chosen) * layer.weights.elements // layer.channels,
        activations=output.elements + 8 * saved * source.elements // source.shape[-1],
    )
