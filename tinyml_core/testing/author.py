"""What makers of random nodes work with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyml_core.graph import GraphBuilder, Quantization, Tensor
from tinyml_core.graph.operators import Activation

SCALES = (0.05, 0.04, 0.0235, 0.06, 0.1, 1 / 256, 0.5, 1.0, 0.001)
ZERO_POINTS = (0, -1, 5, -20, 33, -77, 64, -128, 127)


@dataclass(frozen=True, eq=False)
class Author:
    """What a maker works with; ``rng`` fills constants and is itself seeded by ``choose``."""

    builder: GraphBuilder
    choose: Callable[[Sequence[Any]], Any]
    rng: np.random.Generator
    activations: tuple[Activation, ...]
    values: list[str]

    def activation(self) -> Activation:
        """One of the activations allowed."""
        chosen: Activation = self.choose(self.activations)
        return chosen

    def quantization(self) -> Quantization:
        """A random per-tensor quantisation."""
        return pick_quantization(self.choose)

    def name(self, what: str) -> str:
        """A name for a constant that no tensor has yet."""
        return f"{what}_{len(self.builder.build([]).tensors)}"


class Maker(NamedTuple):
    """``suits`` says which tensors the operator takes, ``make`` adds a node behind one and returns its output."""

    suits: Callable[[Tensor], bool]
    make: Callable[[Author, str], str]


def pick_quantization(choose: Callable[[Sequence[Any]], Any]) -> Quantization:
    """A random per-tensor quantisation, everyday ones before edge cases."""
    return Quantization.per_tensor(choose(SCALES), choose(ZERO_POINTS))
