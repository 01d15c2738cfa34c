"""The ``mcunet`` space: inverted bottlenecks for images, as MCUNet searches them (Lin et al., NeurIPS 2020 and 2021).

Stage widths and strides are those of ProxylessNAS in the once-for-all code. A network is a width multiplier, a
resolution, a depth for each stage, and kernel, expansion and width for each block. With one width multiplier and one
resolution the defaults span 195,827,899,433,152,372,659 networks, the "about 2e20" of the papers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_core.search.survey import Survey, SurveyTask
from tinyml_plugins.tinynas.bottleneck import inverted_bottleneck
from tinyml_plugins.tinynas.choices import ChoiceTree, Options, Repeat, check_options
from tinyml_plugins.tinynas.layers import Layers, check_images, divisible
from tinyml_plugins.tinynas.tree_space import TreeSpace

STEM, FIRST, MIX = 32, 16, 1280
"""Channels of the stem, of the block behind it, and of the layer that mixes the last features, at width 1."""


class StageShape(NamedTuple):
    """A stage at width 1."""

    width: int
    stride: int
    deep: bool
    """Whether its depth is chosen; otherwise it is one block."""


STAGES = (
    StageShape(24, 2, True), StageShape(40, 2, True), StageShape(80, 2, True), StageShape(96, 1, True),
    StageShape(192, 2, True), StageShape(320, 1, False),
)  # fmt: skip
"""``proxyless`` in the once-for-all code (``ofa_proxyless.py``)."""
WIDTHS = tuple(tenths / 10 for tenths in range(2, 11))
RESOLUTIONS = tuple(range(48, 225, 16))
"""The grid of TinyNAS: nine width multipliers by twelve resolutions (Lin et al., NeurIPS 2020, section 3.1)."""


@dataclass(frozen=True, kw_only=True)
class McuNetSpace(TreeSpace):
    """Networks as choices; every choice is drawn uniformly, so shallow stages are as frequent as deep ones.

    Raises:
        InputError: an option offers nothing to choose, or something no network has.
    """

    widths: tuple[float, ...] = (0.5,)
    """Width multipliers of the whole network."""
    resolutions: Options = ()
    """Rows and columns of the image; those of the samples where it is empty."""
    depths: Options = (2, 3, 4)
    """Blocks in a stage."""
    kernels: Options = (3, 5, 7)
    """Sizes of a block's depthwise convolution, odd."""
    expansions: Options = (3, 4, 6)
    """Channels inside a block for each channel before it."""
    block_widths: tuple[float, ...] = (1.0,)
    """Further width multipliers, of each block: (0.5, 0.75, 1.0) in MCUNetV2."""
    mix_layer: bool = False
    """Whether the last features go through a layer of 1280 channels, which costs much flash."""
    squeeze_excite: bool = False
    """Whether blocks scale their channels by a squeeze-and-excite gate."""

    def __post_init__(self) -> None:
        rows = {"depths": self.depths, "kernels": self.kernels, "expansions": self.expansions}
        check_options("mcunet", rows, odd=("kernels",))
        check_options("mcunet", {"widths": self.widths, "block_widths": self.block_widths}, least=0.05)
        if self.resolutions:
            check_options("mcunet", {"resolutions": self.resolutions}, least=16)
        if max(self.depths) > 16 or max(self.resolutions, default=1) > 1024:
            raise InputError("is too large", place="mcunet option depths or resolutions", remedy="at most 16, or 1024")

    @cached_property
    def tree(self) -> ChoiceTree:
        """What the space offers."""
        always: dict[str, tuple[float, ...]] = {"width": self.widths}
        if self.resolutions:
            always["resolution"] = self.resolutions
        repeats = tuple(
            Repeat(f"depth{stage}", self.depths if shape.deep else (1,), tuple(
                {f"kernel{stage}.{block}": self.kernels, f"expansion{stage}.{block}": self.expansions,
                 f"width{stage}.{block}": self.block_widths}
                for block in range(1, (max(self.depths) if shape.deep else 1) + 1)
            ))
            for stage, shape in enumerate(STAGES, start=1)
        )  # fmt: skip
        return ChoiceTree(always, repeats, uniform=False)

    @property
    def grid(self) -> Mapping[str, Sequence[Choice]]:
        """Width multipliers by resolutions: the options' own where they offer several, else TinyNAS's."""
        return {
            "widths": self.widths if len(self.widths) > 1 else WIDTHS,
            "resolutions": self.resolutions if len(self.resolutions) > 1 else RESOLUTIONS,
        }

    def surveys(
        self, cells: Sequence[Mapping[str, Choice]], samples: int, seed: int, task: SurveyTask
    ) -> list[Survey] | None:
        """Costs of random networks of each cell, from tables; None where they cannot be tabulated."""
        from tinyml_plugins.tinynas.mcunet_survey import McuNetSurveyor

        if self.squeeze_excite or min(self.expansions) == 1 or len(task.sample_shape) != 3:
            return None
        return McuNetSurveyor(task).surveys(self, cells, samples, seed, task.mode)

    def write(self, layers: Layers, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The candidate's network."""
        check_images(sample_shape, classes)
        choices = dict(candidate.choices)
        multiplier = float(choices["width"])
        size = (int(choices["resolution"]),) * 2 if "resolution" in choices else sample_shape[:2]
        x = layers.image((*size, sample_shape[2]))
        x = layers.convolution("stem", x, divisible(STEM * multiplier), kernel=(3, 3), stride=(2, 2))
        x = inverted_bottleneck(
            layers, "first", x, divisible(FIRST * multiplier), kernel=3, expansion=1, stride=1, residual=False
        )
        for stage, shape in enumerate(STAGES, start=1):
            for block in range(1, int(choices[f"depth{stage}"]) + 1):
                own = f"{stage}.{block}"
                x = inverted_bottleneck(
                    layers, f"stage{stage}.block{block}", x,
                    divisible(shape.width * multiplier * float(choices[f"width{own}"])),
                    kernel=int(choices[f"kernel{own}"]), expansion=int(choices[f"expansion{own}"]),
                    stride=shape.stride if block == 1 else 1, squeeze=self.squeeze_excite,
                )  # fmt: skip
        if self.mix_layer:
            x = layers.convolution("mix", x, divisible(MIX * max(multiplier, 1.0)))
        return layers.classifier(x, classes)
