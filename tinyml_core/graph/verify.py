"""The verifier: every rule a graph must keep, each broken one told with the node or tensor that breaks it."""

from __future__ import annotations

import math

from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Broken
from tinyml_core.graph.tensor import LARGEST_TENSOR, DType, Tensor

MOST_NODES = 4096
"""Nodes above which a graph is refused: planning compares all with all, and a hostile file may repeat one for free."""
MOST_OPERATIONS = 1 << 35
"""Multiply-accumulates and elements of one inference above which a graph is refused: the fastest microcontroller would
take minutes, and a hostile file may claim them for free. VGG-16 has 1.5e10."""
MOST_AXES = 16
"""Axes of a tensor; NumPy has 32 and more."""


def verify(graph: Graph) -> Graph:
    """Return ``graph`` when every rule holds.

    Raises:
        GraphError: names the first node or tensor that breaks a rule.
    """
    if not graph.outputs:
        raise GraphError("has no outputs", place=f"graph {graph.name!r}")
    if len(graph.nodes) > MOST_NODES:
        raise GraphError(f"has {len(graph.nodes)} nodes, the limit is {MOST_NODES}", place=f"graph {graph.name!r}")
    for key, tensor in graph.tensors.items():
        if key != tensor.name:
            raise GraphError(f"is filed under the name {key!r}", place=f"tensor {tensor.name!r}")
        _verify_tensor(tensor)
    known = {name for name, tensor in graph.tensors.items() if tensor.data is not None}
    for name in graph.inputs:
        if name not in graph.tensors or name in known:
            raise GraphError("is no variable of the graph", place=f"graph input {name!r}")
        known.add(name)
    names: set[str] = set()
    for node in graph.nodes:
        if node.name in names:
            raise GraphError("another node has the same name", place=_place(node))
        names.add(node.name)
        _verify_node(graph, node, known)
        known.update(node.outputs)
    if graph.operations > MOST_OPERATIONS:
        raise GraphError(
            f"takes {graph.operations} operations, the limit is {MOST_OPERATIONS}", place=f"graph {graph.name!r}"
        )
    for name in graph.outputs:
        if name not in known:
            raise GraphError("is never computed", place=f"graph output {name!r}")
    for name, axes in graph.axes.items():
        if name not in graph.inputs and name not in graph.outputs:
            raise GraphError("has a source layout but is neither input nor output", place=f"tensor {name!r}")
        if sorted(axes) != list(range(len(graph.tensors[name].shape))):
            raise GraphError(f"has source layout {list(axes)}, no permutation of its axes", place=f"tensor {name!r}")
    _verify_state(graph)
    return graph


def _verify_state(graph: Graph) -> None:
    """Each value replaces one input by one output of the same type, which nobody reads after it is replaced."""
    if len(set(graph.state.values())) < len(graph.state):
        raise GraphError("replaces two inputs by the same output", place=f"graph {graph.name!r}")
    for name, updated in graph.state.items():
        if name not in graph.inputs or updated not in graph.outputs or updated not in graph.producers:
            raise GraphError(f"is no input that a computed output {updated!r} replaces", place=f"state {name!r}")
        before, after = graph.tensors[name], graph.tensors[updated]
        if (before.shape, before.dtype, before.quantization) != (after.shape, after.dtype, after.quantization):
            raise GraphError(f"is of another type than {updated!r}, which replaces it", place=f"state {name!r}")
        later = graph.nodes[graph.nodes.index(graph.producers[updated]) + 1 :]
        if reader := next((node for node in later if name in node.inputs), None):
            raise GraphError(f"reads {name!r} after it was replaced by {updated!r}", place=_place(reader))


def _place(node: Node) -> str:
    return f"node {node.name!r} ({node.op.kind})"


def _verify_node(graph: Graph, node: Node, known: set[str]) -> None:
    least, greatest = node.op.arity
    if not least <= len(node.inputs) <= greatest:
        raise GraphError(f"has {len(node.inputs)} inputs, takes {least} to {greatest}", place=_place(node))
    for name in node.inputs:
        if name not in graph.tensors:
            raise GraphError(f"reads tensor {name!r}, which does not exist", place=_place(node))
        if name not in known:
            raise GraphError(f"reads tensor {name!r} before it is computed", place=_place(node))
    for name in node.outputs:
        if name not in graph.tensors:
            raise GraphError(f"writes tensor {name!r}, which does not exist", place=_place(node))
        if name in known:
            raise GraphError(f"writes tensor {name!r}, which has a value already", place=_place(node))
    try:
        inferred = node.op.infer(graph.inputs_of(node))
    except Broken as error:
        raise GraphError(str(error), place=_place(node)) from None
    if len(inferred) != len(node.outputs):
        raise GraphError(f"has {len(node.outputs)} outputs, computes {len(inferred)}", place=_place(node))
    for tensor, (shape, dtype) in zip(graph.outputs_of(node), inferred, strict=True):
        if (tensor.shape, tensor.dtype) != (shape, dtype):
            raise GraphError(
                f"computes {dtype.value}{list(shape)}, but tensor {tensor.name!r} is declared "
                f"{tensor.dtype.value}{list(tensor.shape)}",
                place=_place(node),
            )


def _verify_tensor(tensor: Tensor) -> None:
    place = f"tensor {tensor.name!r}"
    if any(size < 1 for size in tensor.shape):
        raise GraphError(f"has shape {list(tensor.shape)}; sizes start at 1", place=place)
    if len(tensor.shape) > MOST_AXES:
        raise GraphError(f"has {len(tensor.shape)} axes, the limit is {MOST_AXES}", place=place)
    if tensor.bytes > LARGEST_TENSOR:
        raise GraphError(f"claims {tensor.bytes} bytes, the limit is {LARGEST_TENSOR}", place=place)
    if tensor.data is not None and (tensor.data.shape, tensor.data.dtype) != (tensor.shape, tensor.dtype.numpy):
        raise GraphError(f"its data has shape {list(tensor.data.shape)} and type {tensor.data.dtype}", place=place)
    quantization = tensor.quantization
    if quantization is None:
        if tensor.dtype in (DType.INT8, DType.UINT8, DType.INT16):
            raise GraphError(f"is {tensor.dtype.value} without a scale", place=place)
        return
    if not tensor.dtype.is_integer:
        raise GraphError(f"is {tensor.dtype.value} and cannot have a scale", place=place)
    if not all(math.isfinite(scale) and scale > 0 for scale in quantization.scale):
        raise GraphError("has a scale that is not a positive finite number", place=place)
    count = 1
    if quantization.axis is not None:
        if not 0 <= quantization.axis < len(tensor.shape):
            raise GraphError(f"is quantised along axis {quantization.axis}, which it does not have", place=place)
        count = tensor.shape[quantization.axis]
    if len(quantization.scale) != count or len(quantization.zero_point) != count:
        raise GraphError(
            f"has {len(quantization.scale)} scales and {len(quantization.zero_point)} zero points, needs {count}",
            place=place,
        )
    low, high = tensor.dtype.limits
    if not all(low <= point <= high for point in quantization.zero_point):
        raise GraphError(f"has a zero point outside {low}..{high}", place=place)
