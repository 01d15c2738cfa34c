"""fuse-activation: a clamp behind a layer becomes the layer's own activation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Add, BatchNorm, Clamp, Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_plugins.passes.merging import Merged, merge_pairs


@dataclass(frozen=True, kw_only=True)
class FuseActivation:
    """Fuses where the layer's output has no other reader; in an integer graph, where both share one quantisation."""

    after: tuple[str, ...] = ("fold-batch-norm",)
    """Passes that run before this one."""

    def apply(self, graph: Graph) -> Graph:
        """The graph without such clamps; its results are the same to the bit."""
        return merge_pairs(graph, _merge)


def _merge(graph: Graph, layer: Node, clamp: Node) -> Merged | None:
    op = layer.op
    if not isinstance(clamp.op, Clamp) or not isinstance(
        op, Add | BatchNorm | Conv2D | DepthwiseConv2D | FullyConnected
    ):
        return None
    if graph.tensors[layer.outputs[0]].quantization != graph.tensors[clamp.outputs[0]].quantization:
        return None
    low, high = clamp.op.activation
    first, last = (min(max(bound, low), high) for bound in op.activation)
    return Merged(replace(layer, op=replace(op, activation=(first, last))))
