"""The ``tiny`` space: inverted bottlenecks (Sandler et al., CVPR 2018) for images of 8 to 32 pixels.

A stem convolution, two or three stages of inverted bottlenecks, mean over the map, one dense layer. A stage chooses
width, depth, kernel size and expansion; a network of two stages has no choices for a third, so that different
candidates are different networks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_plugins.tinynas.bottleneck import build

Options = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TinySpace:
    """Networks as choices.

    Raises:
        InputError: an option offers nothing to choose, or a number below 1.
    """

    stem_widths: Options = (8, 12, 16, 24)
    """Channels after the first convolution."""
    stage_widths: tuple[Options, ...] = ((8, 12, 16, 24), (16, 24, 32, 40), (24, 32, 48, 64))
    """Channels after each stage; one row per stage a network may have."""
    fewest_stages: int = 2
    """Stages that every network has."""
    depths: Options = (1, 2, 3)
    """Bottlenecks in a stage."""
    kernels: Options = (3, 5)
    """Sizes of a stage's depthwise convolutions, odd."""
    expansions: Options = (2, 3, 4)
    """Channels inside a bottleneck for each channel before it."""

    def __post_init__(self) -> None:
        rows = {"stem_widths": self.stem_widths, "depths": self.depths, "kernels": self.kernels}
        rows |= {"expansions": self.expansions}
        rows |= {f"stage_widths[{index}]": row for index, row in enumerate(self.stage_widths)}
        for name, row in rows.items():
            if not row or min(row) < 1 or len(set(row)) < len(row):
                raise InputError(f"is {list(row)}", place=f"tiny option {name}", remedy="give different numbers from 1")
        if any(kernel % 2 == 0 for kernel in self.kernels):
            raise InputError(f"is {list(self.kernels)}", place="tiny option kernels", remedy="give odd numbers")
        if not 1 <= self.fewest_stages <= len(self.stage_widths):
            raise InputError(
                f"is {self.fewest_stages}",
                place="tiny option fewest_stages",
                remedy=f"choose from 1 to {len(self.stage_widths)}, the rows of stage_widths",
            )

    @property
    def size(self) -> int:
        """Number of different candidates."""
        return sum(self._sizes())

    def sample(self, rng: np.random.Generator) -> Candidate:
        """A candidate drawn uniformly."""
        sizes = self._sizes()
        stages = int(rng.choice(self._depths(), p=np.array(sizes) / sum(sizes)))
        return self._complete({"stages": stages}, (), rng)

    def mutate(self, candidate: Candidate, rng: np.random.Generator) -> Candidate:
        """A neighbour: one choice changed; a stage gained or lost brings or takes its own choices."""
        choices = dict(candidate.choices)
        genes = {"stages": self._depths(), **self._genes(int(choices["stages"]))}
        free = [name for name, options in genes.items() if len(options) > 1]
        name = free[rng.integers(len(free))]
        others = [option for option in genes[name] if option != choices[name]]
        choices[name] = others[rng.integers(len(others))]
        return self._complete(choices, (choices,), rng)

    def crossover(self, left: Candidate, right: Candidate, rng: np.random.Generator) -> Candidate:
        """A candidate each of whose choices comes from one parent, either with equal probability."""
        parents = (dict(left.choices), dict(right.choices))
        return self._complete({"stages": parents[rng.integers(2)]["stages"]}, parents, rng)

    def contains(self, candidate: Candidate) -> bool:
        """Whether every choice is one this space offers, and none is missing."""
        choices = dict(candidate.choices)
        stages = choices.get("stages")
        if stages not in self._depths():
            return False
        genes = self._genes(int(stages))
        return choices.keys() == genes.keys() | {"stages"} and all(
            choices[name] in options for name, options in genes.items()
        )

    def build(self, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The untrained float32 graph: input [1, *sample_shape], output [1, classes] logits.

        Raises:
            InputError: ``sample_shape`` is not (rows, columns, channels), or there are fewer than two classes.
        """
        return build(dict(candidate.choices), sample_shape, classes)

    def _depths(self) -> Options:
        return tuple(range(self.fewest_stages, len(self.stage_widths) + 1))

    def _sizes(self) -> list[int]:
        return [math.prod(map(len, self._genes(stages).values())) for stages in self._depths()]

    def _genes(self, stages: int) -> dict[str, Options]:
        genes = {"stem": self.stem_widths}
        for number, widths in enumerate(self.stage_widths[:stages], start=1):
            genes |= {
                f"width{number}": widths,
                f"depth{number}": self.depths,
                f"kernel{number}": self.kernels,
                f"expansion{number}": self.expansions,
            }
        return genes

    def _complete(
        self, choices: Mapping[str, Choice], parents: Sequence[Mapping[str, Choice]], rng: np.random.Generator
    ) -> Candidate:
        complete: dict[str, Choice] = {"stages": choices["stages"]}
        for name, options in self._genes(int(choices["stages"])).items():
            offered = [parent[name] for parent in parents if name in parent]
            complete[name] = offered[rng.integers(len(offered))] if offered else options[rng.integers(len(options))]
        return Candidate.of(complete)
