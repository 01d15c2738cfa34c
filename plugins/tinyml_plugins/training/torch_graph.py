"""TorchGraph: a float graph as a torch module whose parameters are the graph's constants.

Samples go in and come out as the graph has them, NHWC with a leading batch axis of any size. Parameters keep the
graph's layout, so :meth:`TorchGraph.export` copies them back as they are. CPU only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tinyml_core.errors import GraphError
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import DepthwiseConv2D, Softmax
from tinyml_plugins.training.torch_nodes import LEARNED, Transform, carry_out, draw_weights, roles_of, steps_of

RUNNING_MOMENTUM = 0.1
"""Share of each batch in the running mean and variance of a batch normalisation."""


class TorchGraph(nn.Module):
    """A float graph with one input and one output, to be trained.

    A graph whose weights are all zero is untrained: its weights are drawn by ``seed``, its normalisations start as the
    identity. ``transform`` is applied to every parameter that is read and every tensor that is written.

    Raises:
        GraphError: an operator is not a float one, or the graph mixes samples.
    """

    def __init__(self, graph: Graph, *, seed: int = 0, transform: Transform | None = None) -> None:
        super().__init__()
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            raise GraphError("needs one input and one output to be trained", place=f"graph {graph.name!r}")
        with_batch(graph, 2)
        self.graph, self.transform = graph, transform
        self.momentum = RUNNING_MOMENTUM
        self._steps = steps_of(graph)
        roles = roles_of(graph)
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
        carry_out(self._steps, values, self.momentum if self.training else None, self.transform)
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
        for name, role in roles_of(self.graph).items():
            value = self.constants[name]
            if role == "weights":
                depthwise = isinstance(self.graph.consumers[name][0].op, DepthwiseConv2D)
                draw_weights(value, generator, depthwise=depthwise)
            elif role in ("gamma", "variance") and not value.any():
                value.fill_(1.0)
