"""A small search space of the kit's own, so that strategies can be tried where no other plugin is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyml_core.graph import DType, Graph, GraphBuilder
from tinyml_core.graph.operators import RELU, Conv2D, FullyConnected, Mean
from tinyml_core.graph.verify import verify
from tinyml_core.search.candidate import Candidate, Choice


@dataclass(frozen=True, kw_only=True)
class SmallSpace:
    """Up to ``deepest`` convolutions, each of some width and kernel; satisfies ``StepwiseSpace``."""

    deepest: int = 3
    widths: tuple[int, ...] = (4, 8, 12, 16)
    kernels: tuple[int, ...] = (1, 3)

    @property
    def size(self) -> int:
        """584 candidates as it stands."""
        return sum((len(self.widths) * len(self.kernels)) ** depth for depth in range(1, self.deepest + 1))

    def next_choice(self, made: Mapping[str, Choice]) -> tuple[str, tuple[Choice, ...]] | None:
        """The depth, then width and kernel of each layer."""
        if "depth" not in made:
            return "depth", tuple(range(1, self.deepest + 1))
        for layer in range(int(made["depth"])):
            for name, options in ((f"width{layer}", self.widths), (f"kernel{layer}", self.kernels)):
                if name not in made:
                    return name, options
        return None

    def sample(self, rng: np.random.Generator) -> Candidate:
        """Each choice evenly, in its turn."""
        return self._completed({}, rng)

    def mutate(self, candidate: Candidate, rng: np.random.Generator) -> Candidate:
        """Another option of one choice."""
        made = dict(candidate.choices)
        open_choices = [name for name in made if len(self._options(name)) > 1]
        name = open_choices[int(rng.integers(len(open_choices)))]
        others = [option for option in self._options(name) if option != made[name]]
        made[name] = others[int(rng.integers(len(others)))]
        return self._completed(made, rng)

    def crossover(self, left: Candidate, right: Candidate, rng: np.random.Generator) -> Candidate:
        """Each choice of either parent."""
        parents = [dict(left.choices), dict(right.choices)]
        first = parents[int(rng.integers(2))]
        mixed = {name: parents[int(rng.integers(2))].get(name, first[name]) for name in first if name != "depth"}
        return Candidate.of({"depth": first["depth"], **mixed})

    def contains(self, candidate: Candidate) -> bool:
        """Whether making its choices one by one leads to it."""
        made: dict[str, Choice] = {}
        choices = dict(candidate.choices)
        while (following := self.next_choice(made)) is not None:
            name, options = following
            if choices.get(name) not in options:
                return False
            made[name] = choices[name]
        return made == choices

    def build(self, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """Convolutions, mean and a classifier."""
        builder = GraphBuilder("small")
        handle = builder.input("x", (1, *sample_shape), DType.FLOAT32)
        for layer in range(int(candidate["depth"])):
            width, kernel = int(candidate[f"width{layer}"]), int(candidate[f"kernel{layer}"])
            shape = (width, kernel, kernel, builder.tensor(handle).shape[3])
            operands = [handle, builder.zeros(f"w{layer}", shape), builder.zeros(f"b{layer}", (width,))]
            handle = builder.node(Conv2D(padding=(kernel // 2,) * 4, activation=RELU), operands, name=f"conv{layer}")
        handle = builder.node(Mean(), [handle], name="mean")
        width = builder.tensor(handle).shape[1]
        operands = [handle, builder.zeros("w", (classes, width)), builder.zeros("b", (classes,))]
        return verify(builder.build([builder.node(FullyConnected(), operands, name="classes")]))

    def _options(self, name: str) -> tuple[Choice, ...]:
        if name == "depth":
            return tuple(range(1, self.deepest + 1))
        return self.widths if name.startswith("width") else self.kernels

    def _completed(self, made: Mapping[str, Choice], rng: np.random.Generator) -> Candidate:
        """``made`` with what is missing drawn at random, and without what does not belong."""
        kept: dict[str, Choice] = {}
        while (following := self.next_choice(kept)) is not None:
            name, options = following
            kept[name] = made[name] if name in made else options[int(rng.integers(len(options)))]
        return Candidate.of(kept)


def cost(candidate: Candidate) -> dict[str, float]:
    """What a candidate of the space costs: the sum of its choices, as ``size``."""
    return {"size": float(sum(value for _, value in candidate.choices if not isinstance(value, str)))}


def accuracy(candidate: Candidate) -> float:
    """How good a candidate is: wide layers of large kernels are, and no two are equal."""
    return min(cost(candidate)["size"] / 70 + int(candidate.key, 16) / 16**16 / 100, 1.0)
