"""Bounds of a search space: its largest and its smallest network, and every constant that a network may have.

Found by asking the space for neighbours alone, so that any space will do: from the most extreme of some samples, the
walk goes on to neighbours that are more so until it has met too many that are not. All networks met on the way tell
what constants there are and how large they get.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tinyml_core.api.search_space import SearchSpace
from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import DepthwiseConv2D
from tinyml_core.search.candidate import Candidate
from tinyml_plugins.training.torch_nodes import LEARNED, roles_of

SAMPLES = 256
"""Networks drawn at random before the walks begin."""
PATIENCE = 7
"""A walk ends after this many neighbours in vain for each option there is: one is overlooked once in e**7 walks."""


@dataclass
class Constant:
    """A learned constant: what it is to its node, and its greatest size along each axis."""

    role: str
    shape: tuple[int, ...]
    depthwise: bool


@dataclass
class Bounds:
    """What :func:`explore` finds."""

    largest: Candidate
    smallest: Candidate
    constants: dict[str, Constant] = field(default_factory=dict)


def explore(space: SearchSpace, build: Callable[[Candidate], Graph], seed: int) -> Bounds:
    """The bounds of ``space``, whose candidates ``build`` makes into graphs.

    Raises:
        GraphError: one name means different constants in two networks, so that they cannot share it.
    """
    walker = _Walker(space, build, np.random.default_rng(seed))
    drawn = [space.sample(walker.rng) for _ in range(SAMPLES)]
    largest = walker.walk(max(drawn, key=walker.size), 1)
    smallest = walker.walk(min(drawn, key=walker.size), -1)
    return Bounds(largest, smallest, walker.constants)


class _Walker:
    def __init__(self, space: SearchSpace, build: Callable[[Candidate], Graph], rng: np.random.Generator) -> None:
        self._space, self._build, self.rng = space, build, rng
        self._sizes: dict[Candidate, int] = {}
        self._options: set[tuple[str, object]] = set()
        self.constants: dict[str, Constant] = {}

    def size(self, candidate: Candidate) -> int:
        """Parameters and multiply-accumulates: every choice that makes a network larger adds to one of them."""
        if candidate not in self._sizes:
            graph = self._build(candidate)
            self._options.update(candidate.choices)
            self._sizes[candidate] = graph.parameters + graph.macs
            self._note(graph)
        return self._sizes[candidate]

    def walk(self, start: Candidate, sign: int) -> Candidate:
        best, vain = start, 0
        while vain < PATIENCE * len(self._options):
            neighbour = self._space.mutate(best, self.rng)
            vain += 1
            if sign * self.size(neighbour) > sign * self.size(best):
                best, vain = neighbour, 0
        return best

    def _note(self, graph: Graph) -> None:
        for name, role in roles_of(graph).items():
            if role not in LEARNED:
                continue
            shape = graph.tensors[name].shape
            depthwise = isinstance(graph.consumers[name][0].op, DepthwiseConv2D)
            known = self.constants.setdefault(name, Constant(role, shape, depthwise))
            if (known.role, len(known.shape), known.depthwise) != (role, len(shape), depthwise):
                raise GraphError(
                    "is not the same constant in two networks of the space, which cannot share it",
                    place=f"constant {name!r}", remedy="let the space's builder name layers by their place",
                )  # fmt: skip
            known.shape = tuple(map(max, known.shape, shape))
