"""Filters: the weights of a convolution or dense layer tap by tap, and which taps ever meet padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import LinearLowering, lower_linear
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators.window import Window

Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Filters:
    """An int8 layer: ``weights`` [outputs, taps, inputs]; a depthwise layer's have one input each.

    ``inside`` and ``outside`` [taps] say whether a tap reads the image, or padding, at any position of the output.
    """

    lowering: LinearLowering
    weights: Int64
    inside: Bool
    outside: Bool

    @classmethod
    def of_convolution(cls, node: Node, graph: Graph) -> Filters:
        """Of a :class:`Conv2D`; raises UnsupportedError where the arithmetic does."""
        lowering = lower_linear(node, graph)
        outputs, rows, columns, inputs = lowering.weights.shape
        weights = lowering.weights.astype(np.int64).reshape(outputs, rows * columns, inputs)
        return cls(lowering, weights, *_reach(node, graph, (rows, columns)))

    @classmethod
    def of_depthwise(cls, node: Node, graph: Graph) -> Filters:
        """Of a :class:`DepthwiseConv2D`; raises UnsupportedError where the arithmetic does."""
        lowering = lower_linear(node, graph)
        _, rows, columns, outputs = lowering.weights.shape
        weights = lowering.weights.astype(np.int64).reshape(rows * columns, outputs).T[:, :, None]
        return cls(lowering, weights, *_reach(node, graph, (rows, columns)))

    @classmethod
    def of_dense(cls, node: Node, graph: Graph) -> Filters:
        """Of a :class:`FullyConnected`; raises UnsupportedError where the arithmetic does."""
        lowering = lower_linear(node, graph)
        weights = lowering.weights.astype(np.int64)[:, None, :]
        return cls(lowering, weights, np.array([True]), np.array([False]))

    @cached_property
    def varying(self) -> Bool:
        """[taps]: those that read the image at some positions and padding at others."""
        return self.inside & self.outside


def _reach(node: Node, graph: Graph, kernel: Sequence[int]) -> tuple[Bool, Bool]:
    """Whether each tap, in row-major order, ever lies inside the image, and whether it ever lies in the padding."""
    assert isinstance(node.op, Window)
    image, output = graph.inputs_of(node)[0], graph.outputs_of(node)[0]
    starts = (node.op.padding[0], node.op.padding[2])
    hits = []
    for axis in (0, 1):
        first = np.arange(kernel[axis]) * node.op.dilation[axis] - starts[axis]
        place = first[:, None] + np.arange(output.shape[1 + axis]) * node.op.stride[axis]
        hits.append((place >= 0) & (place < image.shape[1 + axis]))
    rows, columns = hits
    inside: Bool = np.logical_and.outer(rows.any(axis=1), columns.any(axis=1)).ravel()
    whole: Bool = np.logical_and.outer(rows.all(axis=1), columns.all(axis=1)).ravel()
    return inside, ~whole
