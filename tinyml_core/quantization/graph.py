"""quantise_graph: a float graph and the ranges of its tensors become an int8 graph with int8 inputs and outputs.

Each tensor gets the scale that :mod:`tinyml_core.quantization.rules` asks for; plain integers and booleans, such as
indices and conditions, stay. Batch normalisations should have been folded by the pass ``fold-batch-norm``; of those
that are left only the ones of images have an int8 form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operators import IDENTITY, BatchNorm, Quantize
from tinyml_core.graph.tensor import Array, DType, Quantization, Tensor
from tinyml_core.quantization.normalisation import normalisations_as_layers
from tinyml_core.quantization.rules import CHANNEL_AXIS, Scale, rule_of
from tinyml_core.quantization.scales import (
    Range,
    activation_quantization,
    quantised_bias,
    quantised_weights,
    weight_scales,
)
from tinyml_core.quantization.sharing import shared_ranges

PLACEHOLDER: Range = (-4.0, 4.0)
"""Range of a tensor that nothing is known about; only its type matters where there is no data."""
INPUT_PLACEHOLDER: Range = (0.0, 1.0)


def quantise_graph(
    graph: Graph, ranges: Mapping[str, Range] | None = None, *, rounding: Rounding | None = None
) -> Graph:
    """The int8 form of ``graph``.

    ``ranges`` holds the least and greatest value of every float input, output and intermediate tensor, by name.
    Without it the scales are placeholders: names, shapes and types are right, values are not. ``rounding`` is the
    graph's own unless given. Float samples go in through the quantisation of the graph's input tensors.

    Raises:
        GraphError: a node has no int8 form, is quantised already, or a range is missing; names the node or tensor.
    """
    graph = normalisations_as_layers(graph)
    work = _Quantisation(graph, shared_ranges(graph, _placeholders(graph) if ranges is None else ranges))
    for name in graph.inputs:
        work.result(name, Scale.RANGE)
    for node in graph.nodes:
        work.node(node)
    work.tensors.update((name, graph.tensors[name]) for name in graph.outputs if name not in work.tensors)
    return replace(
        graph, tensors=work.tensors, nodes=tuple(work.nodes), rounding=graph.rounding if rounding is None else rounding
    )


@dataclass
class _Quantisation:
    graph: Graph
    ranges: Mapping[str, Range]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)

    def range_of(self, name: str) -> Range:
        if name not in self.ranges:
            raise GraphError("has no range", place=f"tensor {name!r}", remedy="calibrate with this very graph")
        low, high = self.ranges[name]
        if not (np.isfinite(low) and np.isfinite(high) and low <= high):
            raise GraphError(
                f"reaches from {low:g} to {high:g}", place=f"tensor {name!r}", remedy="train with a lower learning rate"
            )
        return low, high

    def is_float(self, name: str) -> bool:
        return self.graph.tensors[name].dtype is DType.FLOAT32

    def result(self, name: str, rule: Quantization | Scale) -> None:
        """File an input of the network or a node's output; plain integers and booleans stay what they are."""
        tensor = self.graph.tensors[name]
        if tensor.quantization is not None or tensor.dtype in (DType.INT8, DType.UINT8, DType.INT16):
            raise GraphError(f"is {tensor.dtype.value}; only float graphs can be quantised", place=f"tensor {name!r}")
        if self.is_float(name):
            quantization = rule if isinstance(rule, Quantization) else activation_quantization(self.range_of(name))
            tensor = Tensor(name, tensor.shape, DType.INT8, quantization)
        self.tensors[name] = tensor

    def constant(self, tensor: Tensor, node: Node) -> str:
        """File a constant; a second reader that needs other integers gets a copy named after it."""
        filed = self.tensors.get(tensor.name)
        if filed is not None and not (filed == tensor and np.array_equal(_data(filed), _data(tensor))):
            tensor = replace(tensor, name=f"{tensor.name}/{node.name}")
        self.tensors[tensor.name] = tensor
        return tensor.name

    def node(self, node: Node) -> None:
        place = f"node {node.name!r} ({node.op.title})"
        if isinstance(node.op, BatchNorm):
            raise GraphError("cannot be quantised", place=place, remedy="run the pass 'fold-batch-norm' first")
        real = any(map(self.is_float, (*node.inputs, *node.outputs)))
        rule = rule_of(node.op) if real else Scale.RANGE
        if rule is None:
            raise GraphError("has no int8 form", place=place, remedy="replace this operator in the network")
        wanted = None
        if rule is Scale.SHARED:
            wanted = activation_quantization(self.range_of(node.outputs[0]))
        inputs = [
            self.operand(name, node, wanted) for name in node.inputs[: 1 if type(node.op) in CHANNEL_AXIS else None]
        ]
        if type(node.op) in CHANNEL_AXIS and real:
            inputs += self.parameters(node, inputs[0], place)
        for name in node.outputs:
            source = self.tensors[inputs[0]].quantization
            self.result(name, source if rule is Scale.SOURCE and source is not None else rule)
        self.nodes.append(replace(node, inputs=tuple(inputs)))

    def operand(self, name: str, node: Node, wanted: Quantization | None) -> str:
        """The int8 form of what ``node`` reads, in the scale ``wanted`` if there is one; named as it is filed."""
        tensor = self.graph.tensors[name]
        if tensor.data is not None and not self.is_float(name):
            return self.constant(tensor, node)
        if tensor.data is not None:
            if not np.isfinite(tensor.data).all():
                raise GraphError("holds values that are no finite numbers", place=f"tensor {name!r}")
            own = wanted or activation_quantization((float(tensor.data.min()), float(tensor.data.max())))
            integer = Tensor(name, tensor.shape, DType.INT8, own)
            return self.constant(replace(integer, data=quantise_array(tensor.data, integer)), node)
        if wanted is None or not self.is_float(name) or self.tensors[name].quantization == wanted:
            return name
        rescaled = f"{name}/{node.name}"
        if rescaled not in self.tensors:
            self.tensors[rescaled] = Tensor(rescaled, tensor.shape, DType.INT8, wanted)
            self.nodes.append(Node(rescaled, Quantize(), (name,), (rescaled,)))
        return rescaled

    def parameters(self, node: Node, source: str, place: str) -> list[str]:
        """File the weights and the bias of a layer; their names."""
        weights, *rest = (self.graph.tensors[name] for name in node.inputs[1:])
        bias = rest[0] if rest else None
        if weights.data is None or (bias is not None and bias.data is None):
            raise GraphError("needs constant weights and bias", place=place)
        axis, bias_data = CHANNEL_AXIS[type(node.op)], None if bias is None else bias.data
        for data in (weights.data, bias_data):
            if data is not None and any(data.strides) and not np.isfinite(data).all():
                raise GraphError("has weights that are no finite numbers", place=place, remedy="train it again")
        input_scale = self.tensors[source].scale
        scales = weight_scales(weights.data, axis, bias_data, input_scale)
        integers = quantised_weights(weights.data, scales, axis)
        quantization = Quantization.per_channel(scales, axis)
        names = [self.constant(Tensor(weights.name, weights.shape, DType.INT8, quantization, integers), node)]
        if bias is not None and bias_data is not None:
            products = input_scale * scales.astype(np.float64)
            per_channel = Quantization.per_channel(products, 0)
            data = quantised_bias(bias_data, products)
            names.append(self.constant(Tensor(bias.name, bias.shape, DType.INT32, per_channel, data), node))
        return names


def _data(tensor: Tensor) -> Array:
    assert tensor.data is not None, tensor.name
    return tensor.data


def _placeholders(graph: Graph) -> dict[str, Range]:
    ranges = dict.fromkeys(graph.inputs, INPUT_PLACEHOLDER)
    for node in graph.nodes:
        low, high = getattr(node.op, "activation", IDENTITY)
        limits = (low if np.isfinite(low) else PLACEHOLDER[0]), (high if np.isfinite(high) else PLACEHOLDER[1])
        ranges.update(dict.fromkeys(node.outputs, limits))
    return ranges
