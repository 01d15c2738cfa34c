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

    after: tuple[str, ...] = ()
    """Passes that run before this one."""

    def apply(self, graph: Graph) -> Graph:
        """The graph without such normalisations; results differ by float32 rounding only."""
        return merge_pairs(graph, _merge)


def _merge(graph: Graph, layer: Node, norm: Node) -> Merged | None:
    op = layer.op
    if not isinstance(norm.op, BatchNorm) or not isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected):
        return None
    weights, bias, gamma, beta, mean, variance = (
        graph.tensors[name].data if name else np.zeros(1)
        for name in (layer.inputs[1], layer.inputs[2] if len(layer.inputs) == 3 else "", *norm.inputs[1:])
    )
    if op.activation != IDENTITY or weights is None or bias is None:
        return None
    if gamma is None or beta is None or mean is None or variance is None:
        return None
    factor = gamma / np.sqrt(variance.astype(np.float64) + norm.op.epsilon)
    shift = (bias - mean.astype(np.float64)) * factor + beta
    if any(weights.strides) or weights.flat[0]:
        weights = weights * (factor if isinstance(op, DepthwiseConv2D) else factor.reshape(-1, *[1] * (weights.ndim - 1)))
    constants = (
        _constant(graph, layer, "weights", layer.inputs[1], weights),
        _constant(graph, layer, "bias", layer.inputs[2] if len(layer.inputs) == 3 else "", shift),
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
