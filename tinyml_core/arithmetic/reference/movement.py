"""Kernels that move elements of any type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import lower_move, lower_select
from tinyml_core.arithmetic.lowering.movement import require_kept_scales
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Pad

Array = npt.NDArray[Any]


def pad(node: Node, graph: Graph) -> Callable[[Sequence[Array]], Array]:
    """Prepare a :class:`Pad` of any mode; NumPy's modes are the graph's."""
    op = node.op
    assert isinstance(op, Pad)
    if op.mode != "constant":
        _check_scales(node, graph)
        return lambda inputs: np.pad(inputs[0], op.padding, mode=op.mode)  # type: ignore[call-overload]
    (output,) = graph.outputs_of(node)
    fill = lower_move(node, graph).fill if output.quantization else output.dtype.numpy.type(op.value)
    return lambda inputs: np.pad(inputs[0], op.padding, constant_values=fill)


def reshape(node: Node, graph: Graph) -> Callable[[Sequence[Array]], Array]:
    """Prepare a :class:`~tinyml_core.graph.operators.Reshape`; the result shares no memory with the input."""
    _check_scales(node, graph)
    shape = graph.outputs_of(node)[0].shape
    return lambda inputs: inputs[0].reshape(shape).copy()


def _check_scales(node: Node, graph: Graph) -> None:
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    if source.quantization or output.quantization:
        require_kept_scales(node, source, output)


def select(node: Node, graph: Graph) -> Callable[[Sequence[Array]], Array]:
    """Prepare a :class:`~tinyml_core.graph.operators.Select` of any type."""
    (output,) = graph.outputs_of(node)
    if output.quantization:
        lower_select(node, graph)
    return lambda inputs: np.where(inputs[0], inputs[1], inputs[2])
