"""quantise_graph: a float graph and the ranges of its tensors become an int8 graph with int8 inputs and outputs.

It demands a graph without batch normalisation (the pass ``fold-batch-norm`` removes it) and gives each operator what
TensorFlow Lite's 8-bit specification demands: poolings, pad and reshape keep the scale they read, softmax has scale
1/256 and zero point -128, everything else takes its scale from its range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    IDENTITY,
    Add,
    AveragePool2D,
    BatchNorm,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Reshape,
    Softmax,
)
from tinyml_core.graph.tensor import Array, DType, Quantization, Tensor
from tinyml_core.quantization.scales import (
    Range,
    activation_quantization,
    quantised_bias,
    quantised_weights,
    weight_scales,
)

CHANNEL_AXIS: Mapping[type[Operator], int] = {Conv2D: 0, DepthwiseConv2D: 3, FullyConnected: 0}
"""Axis of the output channels in the weights."""
SAME_SCALE: tuple[type[Operator], ...] = (AveragePool2D, MaxPool2D, Pad, Reshape)
FREE_SCALE: tuple[type[Operator], ...] = (Add, Clamp, Conv2D, DepthwiseConv2D, FullyConnected, Mean)
SOFTMAX = Quantization.per_tensor(1 / 256, -128)
PLACEHOLDER: Range = (-4.0, 4.0)
"""Range of a tensor that nothing is known about; only its type matters where there is no data."""


def quantise_graph(
    graph: Graph, ranges: Mapping[str, Range] | None = None, *, rounding: Rounding | None = None
) -> Graph:
    """The int8 form of ``graph``.

    ``ranges`` holds the least and greatest value of every input, output and intermediate tensor, by name. Without it
    the scales are placeholders: names, shapes and types are right, values are not. ``rounding`` is the graph's own
    unless given. Float samples go in through the quantisation of the graph's input tensors.

    Raises:
        GraphError: a node has no int8 form, is quantised already, or a range is missing; names the node or tensor.
    """
    work = _Quantisation(graph, ranges)
    for name in graph.inputs:
        work.activation(name, work.range_of(name, (0.0, 1.0)))
    for node in graph.nodes:
        work.node(node)
    return replace(
        graph, tensors=work.tensors, nodes=tuple(work.nodes), rounding=graph.rounding if rounding is None else rounding
    )


@dataclass
class _Quantisation:
    graph: Graph
    ranges: Mapping[str, Range] | None
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    def range_of(self, name: str, placeholder: Range) -> Range:
        if self.ranges is None:
            return placeholder
        if name not in self.ranges:
            raise GraphError("has no range", place=f"tensor {name!r}", remedy="calibrate with this very graph")
        low, high = self.ranges[name]
        if not (np.isfinite(low) and np.isfinite(high) and low <= high):
            raise GraphError(
                f"reaches from {low:g} to {high:g}", place=f"tensor {name!r}", remedy="train with a lower learning rate"
            )
        return low, high

    def activation(self, name: str, chosen: Range | Quantization) -> None:
        tensor = self.graph.tensors[name]
        if tensor.dtype is not DType.FLOAT32:
            raise GraphError(f"is {tensor.dtype.value}; only float graphs can be quantised", place=f"tensor {name!r}")
        quantization = chosen if isinstance(chosen, Quantization) else activation_quantization(chosen)
        self.tensors[name] = Tensor(name, tensor.shape, DType.INT8, quantization)

    def constant(self, tensor: Tensor, node: Node) -> str:
        """File a constant; a second reader that needs other integers gets a copy named after it."""
        filed = self.tensors.get(tensor.name)
        if filed is not None and not (filed == tensor and np.array_equal(_data(filed), _data(tensor))):
            tensor = replace(tensor, name=f"{tensor.name}/{node.name}")
        self.tensors[tensor.name] = tensor
        return tensor.name

    def node(self, node: Node) -> None:
        place = f"node {node.name!r} ({node.op.kind})"
        kind = type(node.op)
        if kind is BatchNorm:
            raise GraphError("cannot be quantised", place=place, remedy="run the pass 'fold-batch-norm' first")
        inputs = list(node.inputs)
        if kind in CHANNEL_AXIS:
            self.linear(node, inputs, place)
        elif kind is Add:
            inputs = [self.operand(name, node) for name in inputs]
        (name,) = node.outputs
        if kind is Softmax:
            self.activation(name, SOFTMAX)
        elif kind in SAME_SCALE:
            self.activation(name, self.quantization(inputs[0], place))
        elif kind in FREE_SCALE:
            self.activation(name, self.range_of(name, _placeholder(node)))
        else:
            raise GraphError("has no int8 form", place=place, remedy="replace this operator in the network")
        self.nodes.append(replace(node, inputs=tuple(inputs)))

    def quantization(self, name: str, place: str) -> Quantization:
        if name not in self.tensors:
            raise GraphError(f"reads the constant {name!r}, which belongs in the network's input", place=place)
        quantization = self.tensors[name].quantization
        assert quantization is not None
        return quantization

    def operand(self, name: str, node: Node) -> str:
        data = self.graph.tensors[name].data
        if data is None:
            return name
        quantization = activation_quantization((float(data.min()), float(data.max())))
        tensor = Tensor(name, data.shape, DType.INT8, quantization)
        return self.constant(replace(tensor, data=quantise_array(data, tensor)), node)

    def linear(self, node: Node, inputs: list[str], place: str) -> None:
        weights = self.graph.tensors[inputs[1]]
        bias = self.graph.tensors[inputs[2]] if len(inputs) == 3 else None
        if weights.data is None or (bias is not None and bias.data is None):
            raise GraphError("needs constant weights and bias", place=place)
        axis = CHANNEL_AXIS[type(node.op)]
        input_scale = self.quantization(inputs[0], place).scale[0]
        bias_data = None if bias is None else bias.data
        for data in (weights.data, bias_data):
            if data is not None and any(data.strides) and not np.isfinite(data).all():
                raise GraphError("has weights that are no finite numbers", place=place, remedy="train it again")
        scales = weight_scales(weights.data, axis, bias_data, input_scale)
        integers = quantised_weights(weights.data, scales, axis)
        quantization = Quantization.per_channel(scales, axis)
        inputs[1] = self.constant(Tensor(weights.name, weights.shape, DType.INT8, quantization, integers), node)
        if bias is not None and bias.data is not None:
            products = input_scale * scales.astype(np.float64)
            inputs[2] = self.constant(
                Tensor(
                    bias.name, bias.shape, DType.INT32, Quantization.per_channel(products, 0),
                    quantised_bias(bias.data, products),
                ),
                node,
            )  # fmt: skip


def _data(tensor: Tensor) -> Array:
    assert tensor.data is not None, tensor.name
    return tensor.data


def _placeholder(node: Node) -> Range:
    low, high = getattr(node.op, "activation", IDENTITY)
    return (low if np.isfinite(low) else PLACEHOLDER[0]), (high if np.isfinite(high) else PLACEHOLDER[1])
