"""Comparison of whole graphs, data included."""

from __future__ import annotations

from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import Array


def identical(left: Graph, right: Graph) -> bool:
    """Whether two graphs are the same in everything, every bit of every constant included.

    The order in which tensors are filed does not count.
    """
    return (
        (left.name, left.rounding, left.nodes, left.inputs, left.outputs, dict(left.axes), dict(left.state))
        == (right.name, right.rounding, right.nodes, right.inputs, right.outputs, dict(right.axes), dict(right.state))
        and dict(left.tensors) == dict(right.tensors)
        and all(_same_data(tensor.data, right.tensors[name].data) for name, tensor in left.tensors.items())
    )


def _same_data(left: Array | None, right: Array | None) -> bool:
    if left is None or right is None:
        return left is right
    return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
