"""TorchGraph: a float graph as a torch module whose parameters are the graph's constants.

Samples go in and come out as the graph has them, NHWC with a leading batch axis of any size. Parameters keep the
graph's layout, so :meth:`TorchGraph.export` copies them back as they are. CPU only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tinyml_core.errors import GraphError
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import BatchNorm, Conv2D, DepthwiseConv2D, FullyConnected, Softmax
from tinyml_core.graph.tensor import DType
from tinyml_plugins.training.torch_operators import TORCH

LEARNED = frozenset({"weights", "bias", "gamma", "beta"})
"""Roles of constants that training changes; the others (running statistics, operands) are buffers."""

Transform = Callable[[str, Tensor], Tensor]
"""(tensor name, its value) -> the value to go on with: how quantisation-aware training puts rounding in."""


class TorchGraph(nn.Module):
    """A float graph with one input and one output, to be trained.

    A graph whose weights are all zero is untrained: its weights are drawn by ``seed`` (He et al., "Delving Deep into
    Rectifiers", ICCV 2015), its normalisations start as the identity. ``transform`` is applied to every parameter that
    is read and every tensor that is written.

    Raises:
        GraphError: an operator is not a float one, or the graph mixes samples.
    """

    def __init__(self, graph: Graph, *, seed: int = 0, transform: Transform | None = None) -> None:
        super().__init__()
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            raise GraphError("needs one input and one output to be trained", place=f"graph {graph.name!r}")
        with_batch(graph, 2)
        self.graph, self.transform = graph, transform
        self._steps = []
        for node in graph.nodes:
            place = f"node {node.name!r} ({node.op.kind})"
            if type(node.op) not in TORCH or any(t.dtype is not DType.FLOAT32 for t in graph.inputs_of(node)):
                raise GraphError("cannot be trained: only float operators can", place=place)
            self._steps.append((TORCH[type(node.op)](node.op), node.inputs, node.outputs[0]))
        roles = _roles(graph)
        self.constants: dict[str, Tensor] = {}
        for position, (name, tensor) in enumerate(graph.tensors.items()):
            if tensor.data is not None:
                value = torch.from_numpy(np.array(tensor.data))
                if roles.get(name) not in LEARNED:
                    self.register_buffer(f"buffer_{position}", value)
                else:
                    value = nn.Parameter(value)
                    self.register_parameter(f"parameter_{position}", value)
                self.constants[name] = value
        self.weights = tuple(name for name, role in roles.items() if role == "weights")
        if not any(self.constants[name].any() for name in self.weights):
            self._initialise(seed)

    @property
    def ends_in_softmax(self) -> bool:
        """Whether the output holds probabilities rather than logits."""
        return isinstance(self.graph.producers[self.graph.outputs[0]].op, Softmax)

    def forward(self, x: Tensor) -> Tensor:
        """The graph's output for ``x`` [n, ...]."""
        values = dict(self.constants)
        values[self.graph.inputs[0]] = x
        if self.transform is not None:
            values = {name: self.transform(name, value) for name, value in values.items()}
        for apply, inputs, output in self._steps:
            value = apply([values[name] for name in inputs], self.training)
            values[output] = value if self.transform is None else self.transform(output, value)
        return values[self.graph.outputs[0]]

    def export(self) -> Graph:
        """The graph with the parameters as they are now."""
        tensors = dict(self.graph.tensors)
        for name, value in self.constants.items():
            tensors[name] = replace(tensors[name], data=value.detach().numpy().copy())
        return replace(self.graph, tensors=tensors)

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for name, role in _roles(self.graph).items():
            value = self.constants[name]
            if role == "weights":
                depthwise = isinstance(self.graph.consumers[name][0].op, DepthwiseConv2D)
                inputs = value.numel() // value.shape[-1 if depthwise else 0]
                value.normal_(0.0, math.sqrt(2.0 / inputs), generator=generator)
            elif role in ("gamma", "variance") and not value.any():
                value.fill_(1.0)


def _roles(graph: Graph) -> dict[str, str]:
    return dict(_named_roles(graph))


def _named_roles(graph: Graph) -> Iterator[tuple[str, str]]:
    for node in graph.nodes:
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected):
            yield from zip(node.inputs[1:], ("weights", "bias"), strict=False)
        elif isinstance(node.op, BatchNorm):
            yield from zip(node.inputs[1:], ("gamma", "beta", "mean", "variance"), strict=True)
