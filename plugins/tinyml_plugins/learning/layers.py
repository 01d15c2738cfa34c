"""The layers of a network that can learn, in graph order, and which of them is the classifier."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.tensor import Tensor
from tinyml_core.training.head import classifier


@dataclass(frozen=True)
class Layer:
    """A convolution or dense layer with constant weights."""

    node: Node
    weights: Tensor
    bias: bool
    """Whether it has a bias."""

    @property
    def depthwise(self) -> bool:
        """Whether each channel has filters of its own."""
        return isinstance(self.node.op, DepthwiseConv2D)

    @property
    def channels(self) -> int:
        """What weights are chosen by: input channels, or the filters of a depthwise convolution."""
        return self.weights.shape[-1]

    def update(self, channels: tuple[int, ...] | None) -> LayerUpdate:
        """The layer's bias, where it has one, and the weights of ``channels``."""
        return LayerUpdate(self.node.name, self.bias, channels)


@dataclass(frozen=True)
class Layers:
    """What can learn."""

    backbone: tuple[Layer, ...]
    """All but the classifier, in graph order; their positions are the numbers that published schemes use."""
    classifier: Layer | None
    """The layer that a new head would replace, where the network has one."""


def layers_of(graph: Graph) -> Layers:
    """The layers of ``graph``.

    Raises:
        InputError: none has constant weights.
    """
    found = []
    for node in graph.nodes:
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected):
            weights = graph.tensors[node.inputs[1]]
            if weights.data is not None:
                found.append(Layer(node, weights, len(node.inputs) == 3))
    if not found:
        raise InputError("has no convolution or dense layer with constant weights", place=f"network {graph.name!r}")
    end = _classifier(graph)
    backbone = tuple(layer for layer in found if layer.node is not end)
    return Layers(backbone, next((layer for layer in found if layer.node is end), None))


def _classifier(graph: Graph) -> Node | None:
    try:
        return classifier(graph)
    except UnsupportedError:  # a network without a classifier keeps the layers it has
        return None


def last_layers(graph: Graph, count: int | None) -> tuple[Layer, ...]:
    """The last ``count`` layers before the classifier, or all of them.

    Raises:
        InputError: there are fewer.
    """
    backbone = layers_of(graph).backbone
    if count is None:
        return backbone
    if count > len(backbone):
        raise InputError(
            f"has {len(backbone)} layers before the classifier, not {count}", place=f"network {graph.name!r}"
        )
    return backbone[len(backbone) - count :]


def with_classifier(graph: Graph, updates: list[LayerUpdate], wanted: bool) -> UpdateScheme:
    """The scheme of ``updates``, to which all of the network's own classifier is added where ``wanted``.

    Raises:
        InputError: the network has no classifier.
    """
    if not wanted:
        return UpdateScheme(tuple(updates))
    classifier = layers_of(graph).classifier
    if classifier is None:
        raise InputError(
            "does not end in a classifier", place=f"network {graph.name!r}", remedy="set classifier to false"
        )
    return UpdateScheme((*updates, classifier.update(None)))
