"""fold-batch-norm: ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` moves into the layer before it.

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018,
section 3.2. The factors are computed in float64 and rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import IDENTITY, BatchNorm, Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.tensor import Array, DType, Tensor
from tinyml_plugins.passes.merging import Merged, merge_pairs


@dataclass(frozen=True, kw_only=True)
class FoldBatchNorm:
    """Folds where a layer without activation is read by the normalisation alone."""

    after: tuple[str, ...] = ("drop-identities",)
    """Passes that run before this one."""

    def apply(self, graph: Graph) -> Graph:
        """The graph without such normalisations; results differ by float32 rounding only."""
        return merge_pairs(graph, _merge)


def _merge(graph: Graph, layer: Node, norm: Node) -> Merged | None:
    op = layer.op
    if not isinstance(norm.op, BatchNorm) or not isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected):
        return None
    weights = graph.tensors[layer.inputs[1]].data
    others = [graph.tensors[name].data for name in (*layer.inputs[2:], *norm.inputs[1:])]
    if op.activation != IDENTITY or weights is None or any(data is None for data in others):
        return None
    *bias, gamma, beta, mean, variance = (data.astype(np.float64) for data in others if data is not None)
    factor = gamma / np.sqrt(variance + norm.op.epsilon)
    shift = (sum(bias) - mean) * factor + beta
    if any(weights.strides) or weights.flat[0]:  # zeros that take no memory stay so
        shape = (-1,) if isinstance(op, DepthwiseConv2D) else (-1, *(1,) * (weights.ndim - 1))
        weights = weights.astype(np.float64) * factor.reshape(shape)
    constants = (
        _constant(graph, layer, "weights", layer.inputs[1], weights),
        _constant(graph, layer, "bias", layer.inputs[2] if bias else "", shift),
    )
    inputs = (layer.inputs[0], *(tensor.name for tensor in constants))
    return Merged(replace(layer, op=replace(op, activation=norm.op.activation), inputs=inputs), constants)


def _constant(graph: Graph, layer: Node, role: str, name: str, data: Array) -> Tensor:
    """Under its old name, unless another layer reads that too."""
    if not name or len(graph.consumers.get(name, ())) > 1:
        name = f"{layer.name}/{role}"
        while name in graph.tensors:
            name += "_"
    return Tensor(name, data.shape, DType.FLOAT32, data=data.astype(np.float32, copy=False))
