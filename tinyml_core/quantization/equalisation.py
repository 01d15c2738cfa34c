"""Cross-layer equalisation: of two layers in a row, what one channel's weights are too small for the other takes over.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv 1906.04721, section 4.1.
Dividing the filters of channel i by ``s`` and multiplying the weights behind it by ``s`` changes nothing as long as
what lies between is positively homogeneous: no activation or ReLU. ReLU6 is not, so its layers are left alone. The
factors are rounded to powers of two, by which the float network keeps every bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Reshape,
)
from tinyml_core.graph.tensor import Array, DType, Tensor

LAYERS = (Conv2D, DepthwiseConv2D, FullyConnected)
BETWEEN = (AveragePool2D, Clamp, MaxPool2D, Mean, Reshape)
"""Keep channels apart and scale with their input, if their activation does."""
ROUNDS = 20
"""Sweeps over all pairs at most; a chain of layers settles in a few."""
LARGEST_EXPONENT = 20
"""Of the factors, so that weights stay normal numbers."""

Reals = npt.NDArray[np.float64]


def equalised(graph: Graph) -> Graph:
    """``graph`` with its float weights balanced; its results are the same to the bit unless numbers leave float32.

    Layers whose constants others read too, and layers of integers, are left alone.
    """
    pairs = _pairs(graph)
    tensors = dict(graph.tensors)
    for _ in range(ROUNDS):
        changed = False
        for first, second in pairs:
            changed |= _balance(first, second, tensors)
        if not changed:
            break
    return replace(graph, tensors=tensors) if pairs else graph


def _pairs(graph: Graph) -> list[tuple[Node, Node]]:
    """Each layer and the only one that reads it, with nothing between that tells scaled channels apart."""
    found = []
    for first in graph.nodes:
        last: Node | None = first if _has_private_weights(first, graph) else None
        while last is not None and _is_homogeneous(last, graph):
            (name,) = last.outputs
            readers = graph.consumers.get(name, ())
            last = None
            if name in graph.outputs or len(readers) != 1 or readers[0].inputs.count(name) != 1:
                continue
            (reader,) = readers
            if _has_private_weights(reader, graph) and reader.inputs[0] == name:
                found.append((first, reader))
            elif isinstance(reader.op, BETWEEN):
                last = reader
    return found


def _is_homogeneous(node: Node, graph: Graph) -> bool:
    """Whether scaled channels come out as scaled channels of the same numbers."""
    if isinstance(node.op, Reshape):
        return graph.inputs_of(node)[0].shape[-1:] == node.op.shape[-1:]
    if isinstance(node.op, Mean):
        return len(graph.inputs_of(node)[0].shape) - 1 not in node.op.axes
    return getattr(node.op, "activation", None) in (IDENTITY, RELU)


def _has_private_weights(node: Node, graph: Graph) -> bool:
    if not isinstance(node.op, LAYERS):
        return False
    return all(
        graph.tensors[name].data is not None
        and graph.tensors[name].dtype is DType.FLOAT32
        and len(graph.consumers[name]) == 1
        and node.inputs.count(name) == 1
        for name in node.inputs[1:]
    )


def _balance(first: Node, second: Node, tensors: dict[str, Tensor]) -> bool:
    """Scale the channels between two layers by the roots of the ratios of their greatest weights; whether any was."""
    written = _output_first(first, tensors[first.inputs[1]])
    read = _input_first(second, tensors[second.inputs[1]], len(written))
    ranges = [np.abs(each.reshape(len(each), -1)).max(axis=1) for each in (written, read)]
    usable = np.logical_and.reduce([np.isfinite(each) & (each > 0) for each in ranges])
    before, behind = (np.where(usable, each, 1.0) for each in ranges)
    exponents = np.clip(np.rint(np.log2(before / behind) / 2), -LARGEST_EXPONENT, LARGEST_EXPONENT)
    if not exponents.any():
        return False
    factors = np.exp2(exponents)
    for name in first.inputs[1:]:
        axis = -1 if isinstance(first.op, DepthwiseConv2D) else 0
        tensors[name] = _scaled(tensors[name], 1 / factors, axis)
    weights = tensors[second.inputs[1]]
    repeated = factors.repeat(weights.shape[-1] // len(factors)) if isinstance(second.op, DepthwiseConv2D) else factors
    tensors[weights.name] = _scaled(weights, repeated, -1)
    return True


def _output_first(node: Node, weights: Tensor) -> Reals:
    data = _data(weights)
    return np.moveaxis(data, -1, 0) if isinstance(node.op, DepthwiseConv2D) else data


def _input_first(node: Node, weights: Tensor, channels: int) -> Reals:
    data = np.moveaxis(_data(weights), -1, 0)
    return data.reshape(channels, -1) if isinstance(node.op, DepthwiseConv2D) else data


def _scaled(tensor: Tensor, factors: Reals, axis: int) -> Tensor:
    shape = [1] * len(tensor.shape)
    shape[axis] = -1
    data: Array = (_data(tensor) * factors.reshape(shape)).astype(np.float32)
    return replace(tensor, data=data)


def _data(tensor: Tensor) -> Reals:
    assert tensor.data is not None, tensor.name
    return tensor.data.astype(np.float64)
