"""Kernels that move elements of any type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import lower_move
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Pad

Array = npt.NDArray[Any]


def _fill(node: Node, graph: Graph) -> int:
    tensors = [*graph.inputs_of(node), *graph.outputs_of(node)]
    return lower_move(node, graph).fill if any(tensor.quantization for tensor in tensors) else 0


def pad(node: Node, graph: Graph) -> Callable[[Sequence[Array]], Array]:
    """Prepare a :class:`Pad`."""
    op, fill = node.op, _fill(node, graph)
    assert isinstance(op, Pad)
    return lambda inputs: np.pad(inputs[0], op.padding, constant_values=fill)


def reshape(node: Node, graph: Graph) -> Callable[[Sequence[Array]], Array]:
    """Prepare a :class:`~tinyml_core.graph.operators.Reshape`; the result shares no memory with the input."""
    _fill(node, graph)
    shape = graph.outputs_of(node)[0].shape
    return lambda inputs: inputs[0].reshape(shape).copy()
