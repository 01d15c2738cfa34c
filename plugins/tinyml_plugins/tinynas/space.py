"""The ``tiny`` space: inverted bottlenecks (Sandler et al., CVPR 2018) for images of 8 to 32 pixels.

A stem convolution, two or three stages of inverted bottlenecks, mean over the map, one dense layer. A stage chooses
width, depth, kernel size and expansion; a network of two stages has no choices for a third, so that different
candidates are different networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.search.candidate import Candidate
from tinyml_plugins.tinynas.bottleneck import build
from tinyml_plugins.tinynas.choices import ChoiceTree, Options, Repeat, check_options
from tinyml_plugins.tinynas.layers import Layers
from tinyml_plugins.tinynas.tree_space import TreeSpace


@dataclass(frozen=True, kw_only=True)
class TinySpace(TreeSpace):
    """Networks as choices; candidates are drawn uniformly.

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
        check_options("tiny", rows, odd=("kernels",))
        if not 1 <= self.fewest_stages <= len(self.stage_widths):
            raise InputError(
                f"is {self.fewest_stages}",
                place="tiny option fewest_stages",
                remedy=f"choose from 1 to {len(self.stage_widths)}, the rows of stage_widths",
            )

    @cached_property
    def tree(self) -> ChoiceTree:
        """What the space offers."""
        stages = tuple(
            {
                f"width{number}": widths,
                f"depth{number}": self.depths,
                f"kernel{number}": self.kernels,
                f"expansion{number}": self.expansions,
            }
            for number, widths in enumerate(self.stage_widths, start=1)
        )
        counts = tuple(range(self.fewest_stages, len(stages) + 1))
        return ChoiceTree({"stem": self.stem_widths}, (Repeat("stages", counts, stages),))

    def write(self, layers: Layers, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The candidate's network of images (rows, columns, channels)."""
        return build(layers, dict(candidate.choices), sample_shape, classes)
