"""Coarser scales for filters whose biases lie beyond what a variable bias may hold.

Exporters give filters that have died next to no scale, and with it biases up to the ends of int32. Such a filter says
the same with a scale some powers of two coarser: its bias and weights are integers of that scale, rounded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.linear import FARTHEST_BIAS
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import DepthwiseConv2D
from tinyml_core.graph.tensor import DType, Quantization, Tensor


def with_biases_in_reach(graph: Graph, layers: Collection[str]) -> Graph:
    """``graph`` with the filters of ``layers`` so coarse that no int32 bias exceeds the reach of variable ones."""
    tensors, nodes = dict(graph.tensors), []
    for node in graph.nodes:
        coarser = _coarser(node, graph) if node.name in layers and len(node.inputs) == 3 else {}
        tensors |= {tensor.name: tensor for tensor in coarser.values()}
        inputs = tuple(coarser[name].name if name in coarser else name for name in node.inputs)
        nodes.append(replace(node, inputs=inputs))
    return replace(graph, tensors=tensors, nodes=tuple(nodes))


def _coarser(node: Node, graph: Graph) -> dict[str, Tensor]:
    """The weights and the bias of a layer, and what takes their place; none where the bias is in reach."""
    _, weights, bias = graph.inputs_of(node)
    if bias.data is None or weights.data is None or bias.dtype is not DType.INT32 or weights.quantization is None:
        return {}
    steps = np.ceil(np.log2(np.maximum(np.abs(bias.data.astype(np.float64)) / FARTHEST_BIAS, 1)))
    if not steps.any():
        return {}
    axis = 3 if isinstance(node.op, DepthwiseConv2D) else 0
    shape = [1] * len(weights.shape)
    shape[axis] = -1
    scales = np.broadcast_to(weights.quantization.scale, steps.shape) * np.exp2(steps)
    quantization = bias.quantization and Quantization.per_channel(
        np.broadcast_to(bias.quantization.scale, steps.shape) * np.exp2(steps), 0
    )
    return {
        weights.name: _like(
            weights, weights.data / np.exp2(steps.reshape(shape)), Quantization.per_channel(scales, axis)
        ),
        bias.name: _like(bias, bias.data / np.exp2(steps), quantization),
    }


def _like(tensor: Tensor, values: npt.NDArray[np.float64], quantization: Quantization | None) -> Tensor:
    data = np.rint(values).astype(tensor.dtype.numpy)
    return replace(tensor, name=f"{tensor.name}.coarser", data=data, quantization=quantization)
