"""fold-pad: padding written as a node becomes the padding of the convolutions that read it.

It is exact: a padded tap of a convolution stands for real zero, which is what such a pad writes (0.0 in float, the zero
point in integers). Poolings are left alone, since padding does not count in them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D, Pad
from tinyml_plugins.passes.liveness import without_dead


@dataclass(frozen=True, kw_only=True)
class FoldPad:
    """Folds padding of rows and columns where convolutions are the only readers."""

    after: tuple[str, ...] = ("drop-identities",)
    """Passes that run before this one."""

    def apply(self, graph: Graph) -> Graph:
        """The graph without such pads; its results are the same to the bit."""
        nodes = {node.name: node for node in graph.nodes}
        readers = {name: [node.name for node in behind] for name, behind in graph.consumers.items()}
        for pad in reversed(graph.nodes):  # of two pads in a row the second goes first
            if not isinstance(pad.op, Pad) or not _is_spatial(pad, graph):
                continue
            image, behind = pad.inputs[0], readers.get(pad.outputs[0], [])
            if all(_convolves(nodes[name], pad.outputs[0]) for name in behind):
                nodes.update((name, _padded(nodes[name], pad)) for name in behind)
                del nodes[pad.name]
                readers[image] = [name for name in readers[image] if name != pad.name] + behind
        if len(nodes) == len(graph.nodes):
            return graph
        return without_dead(replace(graph, nodes=tuple(nodes.values())))


def _is_spatial(pad: Node, graph: Graph) -> bool:
    assert isinstance(pad.op, Pad)
    source, output = graph.inputs_of(pad)[0], graph.outputs_of(pad)[0]
    around = pad.op.padding
    return (
        (pad.op.mode, pad.op.value) == ("constant", 0.0)
        and len(around) == 4
        and around[0] == around[3] == (0, 0)
        and source.quantization == output.quantization
        and output.name not in graph.outputs
    )


def _convolves(node: Node, image: str) -> bool:
    return isinstance(node.op, Conv2D | DepthwiseConv2D) and node.inputs[0] == image and image not in node.inputs[1:]


def _padded(node: Node, pad: Node) -> Node:
    assert isinstance(node.op, Conv2D | DepthwiseConv2D)
    assert isinstance(pad.op, Pad)
    (top, bottom), (left, right) = pad.op.padding[1:3]
    first, last, before, behind = node.op.padding
    padding = (first + top, last + bottom, before + left, behind + right)
    return replace(node, op=replace(node.op, padding=padding), inputs=(pad.inputs[0], *node.inputs[1:]))
