"""Batch: the same network for several samples at once, for executing many samples on the host."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operator import Broken, Operator
from tinyml_core.graph.operators import (
    Add,
    ArgReduce,
    Binary,
    Concat,
    Expand,
    Gather,
    Mean,
    Pad,
    Reduce,
    Reshape,
    Select,
    Slice,
    Transpose,
)
from tinyml_core.graph.tensor import Tensor


def with_batch(graph: Graph, samples: int) -> Graph:
    """``graph`` with a leading axis of ``samples`` instead of 1 on every input, output and intermediate tensor.

    Raises:
        GraphError: a node does not treat the samples independently, such as a mean over the leading axis.
    """
    tensors = dict(graph.tensors)
    for name in graph.inputs:
        tensors[name] = _widened(tensors[name], samples)
    nodes = []
    for node in graph.nodes:
        place = f"node {node.name!r} ({node.op.kind})"
        op = node.op
        if _mixes(op, constant=tensors[node.inputs[0]].data is not None):
            raise GraphError("works across the leading axis, which holds the samples", place=place)
        if isinstance(op, Reshape):
            if op.shape[:1] != (1,):
                raise GraphError("moves elements into the leading axis, which holds the samples", place=place)
            op = replace(op, shape=(samples, *op.shape[1:]))
        if isinstance(op, Expand) and len(op.shape) == len(graph.tensors[node.inputs[0]].shape):
            op = replace(op, shape=(samples, *op.shape[1:]))
        if isinstance(op, Slice):
            op = replace(op, sizes=(samples, *op.sizes[1:]), steps=(1, *op.steps[1:]))
        inputs = list(node.inputs)
        if isinstance(op, Add | Binary | Select):
            ranks = {len(tensors[name].shape) for name in (*node.inputs, *node.outputs) if tensors[name].data is None}
            if len(ranks) > 1:
                raise GraphError("broadcasts along the leading axis, which holds the samples", place=place)
        if isinstance(op, Concat):
            for index, name in enumerate(inputs):
                if tensors[name].data is not None:  # an operand that is the same for every sample
                    inputs[index] = f"{name} for {samples} samples"
                    tensors[inputs[index]] = replace(_widened(tensors[name], samples), name=inputs[index])
        node = replace(node, op=op, inputs=tuple(inputs))
        for name in node.outputs:
            tensors[name] = _widened(tensors[name], samples)
        try:
            inferred = op.infer([tensors[name] for name in node.inputs])
        except Broken as error:
            raise GraphError(f"cannot take {samples} samples at once: {error}", place=place) from None
        if [shape for shape, _ in inferred] != [tensors[name].shape for name in node.outputs]:
            raise GraphError(f"cannot take {samples} samples at once", place=place)
        nodes.append(node)
    return replace(graph, tensors=tensors, nodes=tuple(nodes))


def _mixes(op: Operator, *, constant: bool) -> bool:
    """Whether ``op`` computes across the leading axis; ``constant`` when its first operand is the same for all."""
    match op:
        case Mean() | Reduce():
            return 0 in op.axes
        case ArgReduce():
            return op.axis == 0
        case Pad():
            return op.padding[0] != (0, 0)
        case Transpose():
            return op.axes[:1] != (0,)
        case Concat():
            return op.axis == 0
        case Gather():
            return op.axis == 0 and not constant
    return False


def _widened(tensor: Tensor, samples: int) -> Tensor:
    if tensor.shape[:1] != (1,):
        raise GraphError(
            f"has shape {list(tensor.shape)}; a leading axis of 1 is needed to run several samples",
            place=f"tensor {tensor.name!r}",
        )
    shape = (samples, *tensor.shape[1:])
    return replace(tensor, shape=shape, data=None if tensor.data is None else np.broadcast_to(tensor.data, shape))
