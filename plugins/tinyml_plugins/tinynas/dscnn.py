"""The ``dscnn`` space: depthwise-separable convolutions for spectrograms and signals.

As in "Hello Edge" (Zhang et al., 2017): a stem with a large window, blocks of a depthwise and a pointwise convolution,
mean over the map, one dense layer. What is one column wide, as a signal of (length, channels) becomes, is filtered
along time only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_plugins.tinynas.choices import ChoiceTree, Options, Repeat, check_options
from tinyml_plugins.tinynas.layers import Layers, Pair, check_images
from tinyml_plugins.tinynas.tree_space import TreeSpace


@dataclass(frozen=True, kw_only=True)
class DsCnnSpace(TreeSpace):
    """Networks as choices; every choice is drawn uniformly, so shallow networks are as frequent as deep ones.

    Raises:
        InputError: an option offers nothing to choose, or something no network has.
    """

    stem_widths: Options = (16, 24, 32, 48, 64)
    """Channels after the first convolution."""
    stem_lengths: Options = (5, 10, 20)
    """Rows (steps of time) that a window of the first convolution covers; it is four columns wide."""
    stem_strides: Options = (1, 2, 4)
    """Stride of the first convolution along time; across frequencies it is 2."""
    depths: Options = (2, 3, 4, 5, 6)
    """Blocks."""
    widths: Options = (16, 24, 32, 48, 64, 96)
    """Channels after a block."""
    kernels: Options = (3, 5, 7)
    """Sizes of a block's depthwise convolution, odd."""
    strides: Options = (1, 2)
    """Strides of a block along time."""

    def __post_init__(self) -> None:
        rows = {name: getattr(self, name) for name in self.__dataclass_fields__}
        check_options("dscnn", rows, odd=("kernels",))
        if max(self.depths) > 64:
            raise InputError(f"is {list(self.depths)}", place="dscnn option depths", remedy="choose at most 64")

    @cached_property
    def tree(self) -> ChoiceTree:
        """What the space offers."""
        blocks = tuple(
            {f"width{block}": self.widths, f"kernel{block}": self.kernels, f"stride{block}": self.strides}
            for block in range(1, max(self.depths) + 1)
        )
        stem = {"stem": self.stem_widths, "stem_length": self.stem_lengths, "stem_stride": self.stem_strides}
        return ChoiceTree(stem, (Repeat("depth", self.depths, blocks),), uniform=False)

    @property
    def grid(self) -> Mapping[str, Sequence[Choice]]:
        """Widths by strides of the first convolution: how much is kept of a spectrogram or signal."""
        return {"stem_widths": self.stem_widths, "stem_strides": self.stem_strides}

    def write(self, layers: Layers, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The candidate's network."""
        signal = len(sample_shape) == 2
        check_images((sample_shape[0], 1, sample_shape[1]) if signal else sample_shape, classes)
        flat = signal or sample_shape[1] == 1
        choices = {name: int(choice) for name, choice in candidate.choices}
        x = layers.image(sample_shape)
        x = layers.convolution(
            "stem", x, choices["stem"],
            kernel=(choices["stem_length"], 1 if flat else 4), stride=(choices["stem_stride"], 1 if flat else 2),
        )  # fmt: skip
        for block in range(1, choices["depth"] + 1):
            kernel: Pair = (choices[f"kernel{block}"], 1 if flat else choices[f"kernel{block}"])
            x = layers.depthwise(f"block{block}.depthwise", x, kernel=kernel, stride=(choices[f"stride{block}"], 1))
            x = layers.convolution(f"block{block}.pointwise", x, choices[f"width{block}"])
        return layers.classifier(x, classes)
