"""Shared weights: one tensor for each constant of a search space, of which every network takes its part.

A network is carried out as its own graph says; only its constants are views of the shared ones: the first channels, the
inner taps, and of layers the ones it has (Cai et al., "Once-for-All", ICLR 2020, without the kernel transforms; Yu and
Huang, "Universally Slimmable Networks", ICCV 2019). Constants are matched by name, so a space's builder names a layer
by its place, and nothing else is asked of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import Array
from tinyml_plugins.training.supernet.bounds import Constant
from tinyml_plugins.training.torch_nodes import LEARNED, Step, carry_out, draw_weights, roles_of, steps_of

TAPS = (1, 2)
"""Axes of the weights of a convolution that are taken from the middle; of all others the beginning is taken."""


@dataclass(frozen=True, eq=False)
class Subnetwork:
    """A network of the space, ready to be carried out with shared weights."""

    graph: Graph
    steps: tuple[Step, ...]
    parts: Mapping[str, tuple[slice, ...]]
    """Learned constant -> its part of the shared one."""
    others: Mapping[str, Tensor]
    """The constants that are not learned."""

    @classmethod
    def of(cls, graph: Graph, shapes: Mapping[str, tuple[int, ...]], device: torch.device) -> Subnetwork:
        """The network ``graph`` inside shared constants of these shapes.

        Raises:
            InputError: the graph has a constant that is not shared, or is larger than the shared one.
            GraphError: a node cannot be trained.
        """
        roles = roles_of(graph)
        learned = {name: graph.tensors[name].shape for name, role in roles.items() if role in LEARNED}
        return cls(
            graph,
            steps_of(graph),
            {name: part(name, shape, shapes.get(name, ())) for name, shape in learned.items()},
            {
                name: torch.from_numpy(np.array(tensor.data)).to(device)
                for name, tensor in graph.tensors.items()
                if tensor.data is not None and name not in learned
            },
        )

    def forward(self, shared: Mapping[str, Tensor], x: Tensor, momentum: float | None = 0.0) -> Tensor:
        """The output for ``x`` [n, ...]; by default with the batch's own statistics, of which none are kept."""
        values = {name: shared[name][where] for name, where in self.parts.items()}
        values |= self.others
        values[self.graph.inputs[0]] = x
        carry_out(self.steps, values, momentum)
        return values[self.graph.outputs[0]]


def part(name: str, shape: tuple[int, ...], shared: tuple[int, ...]) -> tuple[slice, ...]:
    """Where a constant of this shape lies in the shared one.

    Raises:
        InputError: it does not fit.
    """
    if len(shape) != len(shared) or any(small > large for small, large in zip(shape, shared, strict=True)):
        raise InputError(
            f"the network wants {list(shape)}, the super-network holds {list(shared) or 'none'}",
            place=f"constant {name!r}", remedy="judge networks of the space the super-network was trained for",
        )  # fmt: skip
    firsts = [
        (large - small) // 2 if len(shape) == 4 and axis in TAPS else 0
        for axis, (small, large) in enumerate(zip(shape, shared, strict=True))
    ]
    return tuple(slice(first, first + size) for first, size in zip(firsts, shape, strict=True))


def draw(constants: Mapping[str, Constant], seed: int) -> dict[str, Array]:
    """Untrained shared constants: random weights, normalisations that change nothing."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {}
    for name in sorted(constants):
        constant = constants[name]
        value = torch.full(constant.shape, 1.0 if constant.role == "gamma" else 0.0)
        if constant.role == "weights":
            draw_weights(value, generator, depthwise=constant.depthwise)
        drawn[name] = value.numpy()
    return drawn


def inherit(graph: Graph, shared: Mapping[str, Array]) -> Graph:
    """``graph`` with its parts of the shared constants.

    Raises:
        InputError: it has a constant that is not shared, or is larger than the shared one.
    """
    tensors = dict(graph.tensors)
    for name, role in roles_of(graph).items():
        if role in LEARNED:
            value = shared.get(name, np.zeros(()))
            tensors[name] = replace(tensors[name], data=value[part(name, tensors[name].shape, value.shape)].copy())
    return replace(graph, tensors=tensors)
