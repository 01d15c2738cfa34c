"""Layers as cost models see them: an operator, the kernel that carries it out and shapes, but no values.

Layers of one *family* run the same code.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Add, Binary, Conv2D, DepthwiseConv2D
from tinyml_core.graph.operators.window import Window

Shape = tuple[int, ...]
_WINDOWS = ((3, 3), (5, 5), (7, 7), (3, 1), (5, 1), (7, 1))  # of depthwise layers, with code of their own each


@dataclass(frozen=True)
class Layer:
    """What the cost of a step depends on."""

    op: Operator
    kernel: str
    rows: bool
    rounding: str
    dtype: str
    inputs: tuple[Shape, ...]
    constant: tuple[bool, ...]
    output: Shape

    @classmethod
    def of(cls, node: Node, graph: Graph, kernel: str, *, rows: bool) -> Layer:
        """A node of ``graph`` carried out by ``kernel``, whole or row by row."""
        tensors, output = graph.inputs_of(node), graph.outputs_of(node)[0]
        return cls(
            node.op, kernel, rows, graph.rounding.value, output.dtype.value,
            tuple(tensor.shape for tensor in tensors), tuple(tensor.data is not None for tensor in tensors),
            output.shape,
        )  # fmt: skip

    @property
    def family(self) -> str:
        """What layers of the same code share."""
        form = "rows" if self.rows else "whole"
        return " ".join((self.op.title, self.kernel, _variant(self), self.dtype, form, self.rounding))


def _variant(layer: Layer) -> str:
    op = layer.op
    if isinstance(op, Conv2D):
        return "pixels" if pointwise(layer) else "windows" if op.dilation[1] == 1 else "dilated"
    if isinstance(op, DepthwiseConv2D):
        kernel = layer.inputs[1][1:3]
        known = kernel in _WINDOWS and op.dilation == (1, 1)
        return f"{kernel[0]}x{kernel[1]}/{op.stride[int(kernel[1] > 1)]}" if known else "any"
    if isinstance(op, Add | Binary):
        return "same" if len(set(layer.inputs)) == 1 else "broadcast"
    return "any"


def pointwise(layer: Layer) -> bool:
    """Whether the windows of a convolution are the pixels of its input, one after the other."""
    op = layer.op
    assert isinstance(op, Window), op.kind
    across = op.stride[1] == 1 if layer.rows else op.stride == (1, 1)
    return layer.inputs[1][1:3] == (1, 1) and across and not any(op.padding)
