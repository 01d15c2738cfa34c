"""Layers whose weights or bias lie in the arena instead of flash, as those of a training step do.

They are lowered with zeros in place of what varies; what their accumulators can reach follows from the greatest values
that may come.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import LinearLowering, lower_linear, place_of
from tinyml_core.arithmetic.lowering.linear import FARTHEST_BIAS, reach
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.tensor import DType

LAYERS = (Conv2D, DepthwiseConv2D, FullyConnected)
"""Operators that may have variables."""


@dataclass(frozen=True, eq=False)
class LayerLowering(LinearLowering):
    """A convolution or dense layer; zeros stand for what is variable."""

    variable_weights: bool = False
    variable_bias: bool = False

    @property
    def variable(self) -> bool:
        """Whether anything is."""
        return self.variable_weights or self.variable_bias


def has_variables(node: Node, graph: Graph) -> bool:
    """Whether the weights or the bias of an integer layer are no constants."""
    image, *parameters = graph.inputs_of(node)
    return isinstance(node.op, LAYERS) and image.dtype.is_integer and any(each.data is None for each in parameters)


def lower_layer(node: Node, graph: Graph) -> LayerLowering:
    """Lower a convolution or dense layer, its weights and its bias constant or not.

    Raises:
        UnsupportedError: as :func:`lower_linear`, or the activations of a layer with variables are not int8.
    """
    image, *parameters = graph.inputs_of(node)
    tensors = {name: graph.tensors[name] for name in (*node.inputs, *node.outputs)}
    variable = [each.data is None for each in parameters]
    if any(variable) and image.dtype is not DType.INT8:
        raise UnsupportedError("has variables, but no int8 activations", place=place_of(node))
    for each in parameters:
        if each.data is None:
            tensors[each.name] = replace(each, data=np.zeros(each.shape, each.dtype.numpy))
    alone = Graph(graph.name, tensors, (node,), node.inputs, node.outputs, graph.rounding)
    lowering = lower_linear(node, alone if any(variable) else graph)
    values = {each.name: getattr(lowering, each.name) for each in fields(LinearLowering)}
    return LayerLowering(**values, variable_weights=variable[0], variable_bias=len(variable) > 1 and variable[1])


def farthest(lowering: LinearLowering, filters: npt.NDArray[np.int8], dtype: DType) -> int:
    """The greatest magnitude of an accumulator, whatever the variables are; ``filters`` [channels, taps]."""
    if isinstance(lowering, LayerLowering) and lowering.variable_bias:
        lowering = replace(lowering, bias=np.full_like(lowering.bias, FARTHEST_BIAS))
    if isinstance(lowering, LayerLowering) and lowering.variable_weights:
        filters = np.full_like(filters, DType.INT8.limits[0])
    return reach(lowering, filters, dtype)
