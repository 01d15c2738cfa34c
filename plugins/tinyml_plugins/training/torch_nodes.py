"""The nodes of a float graph in torch: what each does, which constants it learns, and how those begin."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import BatchNorm, Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.graph.tensor import DType
from tinyml_plugins.training.torch_operators import TORCH, Apply

LEARNED = frozenset({"weights", "bias", "gamma", "beta"})
"""Roles of constants that training changes; the others (running statistics, operands) stay or follow the data."""

Step = tuple[Apply, tuple[str, ...], str]
"""What a node does, the tensors it reads and the one it writes."""
Transform = Callable[[str, Tensor], Tensor]
"""(tensor name, its value) -> the value to go on with: how quantisation-aware training puts rounding in."""


def steps_of(graph: Graph) -> tuple[Step, ...]:
    """What the nodes do, in order.

    Raises:
        GraphError: a node cannot be trained.
    """
    steps = []
    for node in graph.nodes:
        try:
            apply = TORCH[type(node.op)](node.op)
        except KeyError:
            apply = None
        if apply is None or any(tensor.dtype is not DType.FLOAT32 for tensor in graph.inputs_of(node)):
            place = f"node {node.name!r} ({node.op.kind})"
            raise GraphError("cannot be trained: only float operators can", place=place)
        steps.append((apply, node.inputs, node.outputs[0]))
    return tuple(steps)


def carry_out(
    steps: Sequence[Step], values: dict[str, Tensor], momentum: float | None, transform: Transform | None = None
) -> None:
    """Add what every step writes to ``values``, where its inputs are; see :data:`Apply` for ``momentum``."""
    for apply, inputs, output in steps:
        value = apply([values[name] for name in inputs], momentum)
        values[output] = value if transform is None else transform(output, value)


def roles_of(graph: Graph) -> Mapping[str, str]:
    """Constant -> what it is to the node that reads it: weights, bias, gamma, beta, mean or variance."""
    return dict(_named_roles(graph))


def _named_roles(graph: Graph) -> Iterator[tuple[str, str]]:
    for node in graph.nodes:
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected):
            yield from zip(node.inputs[1:], ("weights", "bias"), strict=False)
        elif isinstance(node.op, BatchNorm):
            yield from zip(node.inputs[1:], ("gamma", "beta", "mean", "variance"), strict=True)


@torch.no_grad()
def draw_weights(value: Tensor, generator: torch.Generator, *, depthwise: bool) -> None:
    """Fill weights at random (He et al., "Delving Deep into Rectifiers", ICCV 2015)."""
    inputs = value.numel() // value.shape[-1 if depthwise else 0]
    value.normal_(0.0, math.sqrt(2.0 / inputs), generator=generator)
