"""Channel sorting: the channels that matter most come first, where smaller networks will find them.

A channel matters as much as the L1 norm of the weights that read it (Cai et al., ICLR 2020). Channels that meet in a
sum or a product are sorted together, so that the largest network computes what it did before, but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import (
    Add,
    AveragePool2D,
    BatchNorm,
    Binary,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Reshape,
    Unary,
)
from tinyml_core.graph.tensor import Array

FIXED = ""
"""The channels that stay where they are: those of inputs and outputs, and whatever an operator may mix."""
Place = tuple[str, int]
"""An axis of a constant."""


class _Channels:
    """Which tensors have their channels in one order: a union of sets, each known by one of its tensors."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def of(self, tensor: str) -> str:
        while (parent := self._parents.get(tensor, tensor)) != tensor:
            tensor = parent
        return tensor

    def join(self, *tensors: str) -> None:
        names = sorted(map(self.of, tensors))  # FIXED sorts first, so a set that holds it goes by it
        for name in names[1:]:
            self._parents[name] = names[0]


def sort_channels(graph: Graph, shared: Mapping[str, Array]) -> dict[str, Array]:
    """The shared constants with the channels of ``graph``, the largest network, sorted."""
    channels = _Channels()
    channels.join(FIXED, *graph.inputs, *graph.outputs)
    axes: list[tuple[str, Place]] = []
    readers: list[tuple[str, Place]] = []
    for node in graph.nodes:
        wrote, read = _relate(node, graph, channels)
        axes += wrote + read
        readers += read
    norms: dict[str, NDArray[np.float32]] = {}
    for tensor, (name, axis) in readers:
        others = tuple(other for other in range(shared[name].ndim) if other != axis)
        norm = np.abs(shared[name]).sum(others)[: graph.tensors[tensor].shape[-1]]
        group = channels.of(tensor)
        norms[group] = norms[group] + norm if group in norms else norm
    orders = {group: np.argsort(-norm, kind="stable") for group, norm in norms.items() if group != FIXED}
    result = dict(shared)
    for tensor, (name, axis) in axes:
        if (order := orders.get(channels.of(tensor))) is not None:
            rest = np.arange(len(order), result[name].shape[axis])
            result[name] = np.ascontiguousarray(np.take(result[name], np.concatenate([order, rest]), axis))
    return result


def _relate(node: Node, graph: Graph, channels: _Channels) -> tuple[list[tuple[str, Place]], list[tuple[str, Place]]]:
    """Join the channels that ``node`` keeps; return its constants' axes, by the tensor whose channels they follow.

    First those that follow without telling how much a channel matters, then those of weights that read the channels.
    """
    x, output = node.inputs[0], node.outputs[0]
    kept = graph.tensors[x].shape[-1] == graph.tensors[output].shape[-1]
    match node.op:
        case Conv2D() | FullyConnected():
            weights = node.inputs[1]
            wrote = [(output, (weights, 0)), *((output, (name, 0)) for name in node.inputs[2:])]
            return wrote, [(x, (weights, len(graph.tensors[weights].shape) - 1))]
        case DepthwiseConv2D() if kept:
            channels.join(x, output)
            return [(x, (node.inputs[1], 3)), *((x, (name, 0)) for name in node.inputs[2:])], []
        case BatchNorm():
            channels.join(x, output)
            return [(x, (name, 0)) for name in node.inputs[1:3]], []
        case Add() | Binary() if all(graph.tensors[name].data is None for name in node.inputs):
            sizes = {graph.tensors[name].shape[-1] for name in (*node.inputs, output)}
            channels.join(*node.inputs, output, *((FIXED,) if len(sizes) > 1 else ()))
        case AveragePool2D() | MaxPool2D() | Clamp() | Unary():
            channels.join(x, output)
        case Reshape() | Mean() | Pad() if kept:
            channels.join(x, output)
        case _:
            channels.join(FIXED, *(name for name in node.inputs if graph.tensors[name].data is None), *node.outputs)
    return [], []
