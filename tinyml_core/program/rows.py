"""Rows: which rows of its inputs an operator needs for one row of its output.

A row is axis 1 of an NHWC tensor of batch 1; a tensor of any other rank counts as one row. A node whose output rows
follow from few input rows can run inside a segment, over rings that keep only the rows still needed.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    Binary,
    Cast,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reduce,
    Select,
    Softmax,
    Split,
    Unary,
)
from tinyml_core.graph.operators.window import Window
from tinyml_core.graph.tensor import Tensor

RowRule = Callable[[Node, Graph, int, int], range]
"""Rows of an input (its index among the node's) that a call (an output row) reads."""


def row_count(tensor: Tensor) -> int:
    """Rows of a tensor."""
    return tensor.shape[1] if len(tensor.shape) == 4 and tensor.shape[0] == 1 else 1


def row_bytes(tensor: Tensor) -> int:
    """Bytes of one row."""
    return tensor.bytes // row_count(tensor)


def reduces_rows(node: Node, graph: Graph) -> bool:
    """Whether the node folds all its rows into one: it is then called once for each *input* row.

    So do reductions over axis 1, and poolings whose only window covers every row.
    """
    source = graph.inputs_of(node)[0]
    if len(source.shape) != 4 or source.shape[0] != 1:
        return False
    if isinstance(node.op, AveragePool2D | MaxPool2D):
        single = row_count(source) > 1 and row_count(graph.outputs_of(node)[0]) == 1
        return single and _window_rows(node, graph, 0) == range(row_count(source))
    return isinstance(node.op, Mean | Reduce) and 1 in node.op.axes and 0 not in node.op.axes


def calls(node: Node, graph: Graph) -> int:
    """How often a node is called row by row."""
    first = graph.inputs_of(node)[0] if reduces_rows(node, graph) else graph.outputs_of(node)[0]
    return row_count(first)


def by_rows(node: Node, graph: Graph) -> bool:
    """Whether it is known which rows the node reads for each of its rows."""
    if type(node.op) not in _RULES or not all(_has_rows(tensor) for tensor in graph.inputs_of(node)):
        return False
    if isinstance(node.op, Mean | Reduce):
        return reduces_rows(node, graph)
    if isinstance(node.op, Pad) and (node.op.mode != "constant" or node.op.padding[0] != (0, 0)):
        return False
    if isinstance(node.op, Concat | Split) and node.op.axis < 2:
        return False
    return all(len(tensor.shape) == 4 and tensor.shape[0] == 1 for tensor in graph.outputs_of(node))


def _has_rows(tensor: Tensor) -> bool:
    """Whether axis 1 of an operand, where it reaches that far, lies along the rows: not so in shape [h, w, c]."""
    if len(tensor.shape) == 4:
        return tensor.shape[0] == 1 or tensor.data is not None
    return len(tensor.shape) < 3 or tensor.shape[0] == 1


def needed_rows(node: Node, graph: Graph, index: int, row: int) -> range:
    """Rows of input ``index`` that call ``row`` of the node reads; constants have none."""
    if graph.inputs_of(node)[index].data is not None:
        return range(0)
    return _RULES[type(node.op)](node, graph, index, row)


def _window(node: Node, graph: Graph, index: int, row: int) -> range:
    if index:
        return range(row_count(graph.inputs_of(node)[index]))
    return range(row, row + 1) if reduces_rows(node, graph) else _window_rows(node, graph, row)


def _window_rows(node: Node, graph: Graph, row: int) -> range:
    """The rows of the image under the window of an output row."""
    op, inputs = node.op, graph.inputs_of(node)
    assert isinstance(op, Window), op.kind
    kernel = op.kernel[0] if isinstance(op, AveragePool2D | MaxPool2D) else inputs[1].shape[1]
    first = row * op.stride[0] - op.padding[0]
    last = first + (kernel - 1) * op.dilation[0]
    return range(max(first, 0), min(last + 1, row_count(inputs[0])))


def _pointwise(node: Node, graph: Graph, index: int, row: int) -> range:
    """The same row, or the only one of an operand that is broadcast."""
    at = row if row_count(graph.inputs_of(node)[index]) == calls(node, graph) else 0
    return range(at, at + 1)


def _pad(node: Node, graph: Graph, index: int, row: int) -> range:
    assert isinstance(node.op, Pad)
    at = row - node.op.padding[1][0]
    return range(at, at + 1) if 0 <= at < row_count(graph.inputs_of(node)[index]) else range(0)


_RULES: dict[type[Operator], RowRule] = {
    Conv2D: _window,
    DepthwiseConv2D: _window,
    AveragePool2D: _window,
    MaxPool2D: _window,
    Add: _pointwise,
    Binary: _pointwise,
    Cast: _pointwise,
    Clamp: _pointwise,
    Concat: _pointwise,
    Dequantize: _pointwise,
    Mean: _pointwise,
    Pad: _pad,
    Quantize: _pointwise,
    Reduce: _pointwise,
    Select: _pointwise,
    Softmax: _pointwise,
    Split: _pointwise,
    Unary: _pointwise,
}
