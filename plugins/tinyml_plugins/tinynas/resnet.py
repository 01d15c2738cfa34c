"""The ``resnet`` space: residual blocks of two convolutions for small images (He et al., CVPR 2016; MLPerf Tiny).

A stem convolution, stages of basic blocks with a projection where the shape changes, mean over the map, a dense layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.operators import IDENTITY, RELU6
from tinyml_core.search.candidate import Candidate, Choice
from tinyml_plugins.tinynas.choices import ChoiceTree, Options, Repeat, check_options
from tinyml_plugins.tinynas.layers import Layers, check_images
from tinyml_plugins.tinynas.tree_space import TreeSpace


@dataclass(frozen=True, kw_only=True)
class ResNetSpace(TreeSpace):
    """Networks as choices; every choice is drawn uniformly, so shallow stages are as frequent as deep ones.

    Raises:
        InputError: an option offers nothing to choose, or something no network has.
    """

    stem_widths: Options = (8, 16, 24)
    """Channels after the first convolution."""
    stem_strides: Options = (1, 2)
    """Strides of the first convolution."""
    stage_widths: tuple[Options, ...] = ((8, 16, 24), (16, 24, 32, 48), (32, 48, 64, 96))
    """Channels of each stage; every stage but the first halves the map."""
    depths: Options = (1, 2, 3)
    """Blocks in a stage."""
    kernels: Options = (3, 5)
    """Sizes of a block's first convolution, odd; the second one is 3 x 3."""
    inner_widths: tuple[float, ...] = (0.5, 0.75, 1.0)
    """Channels between a block's convolutions for each channel of the stage."""

    def __post_init__(self) -> None:
        rows = {"stem_widths": self.stem_widths, "stem_strides": self.stem_strides, "depths": self.depths}
        rows |= {"kernels": self.kernels}
        rows |= {f"stage_widths[{index}]": row for index, row in enumerate(self.stage_widths)}
        check_options("resnet", rows, odd=("kernels",))
        check_options("resnet", {"inner_widths": self.inner_widths}, least=0.05)
        if not self.stage_widths or max(self.depths) > 64:
            place = "resnet option stage_widths or depths"
            raise InputError("describes no network", place=place, remedy="at least one stage, at most 64 blocks")

    @cached_property
    def tree(self) -> ChoiceTree:
        """What the space offers."""
        widths = {f"width{stage}": row for stage, row in enumerate(self.stage_widths, start=1)}
        repeats = tuple(
            Repeat(f"depth{stage}", self.depths, tuple(
                {f"kernel{stage}.{block}": self.kernels, f"inner{stage}.{block}": self.inner_widths}
                for block in range(1, max(self.depths) + 1)
            ))
            for stage in range(1, len(self.stage_widths) + 1)
        )  # fmt: skip
        stem = {"stem": self.stem_widths, "stem_stride": self.stem_strides}
        return ChoiceTree({**stem, **widths}, repeats, uniform=False)

    @property
    def grid(self) -> Mapping[str, Sequence[Choice]]:
        """Widths by strides of the first convolution."""
        return {"stem_widths": self.stem_widths, "stem_strides": self.stem_strides}

    def write(self, layers: Layers, candidate: Candidate, sample_shape: tuple[int, ...], classes: int) -> Graph:
        """The candidate's network."""
        check_images(sample_shape, classes)
        choices = dict(candidate.choices)
        x = layers.image(sample_shape)
        stride = int(choices["stem_stride"])
        x = layers.convolution("stem", x, int(choices["stem"]), kernel=(3, 3), stride=(stride, stride))
        for stage in range(1, len(self.stage_widths) + 1):
            width = int(choices[f"width{stage}"])
            for block in range(1, int(choices[f"depth{stage}"]) + 1):
                own = f"{stage}.{block}"
                x = _basic_block(
                    layers, f"stage{stage}.block{block}", x, width, kernel=int(choices[f"kernel{own}"]),
                    inner=max(1, round(width * float(choices[f"inner{own}"]))),
                    stride=2 if stage > 1 and block == 1 else 1,
                )  # fmt: skip
        return layers.classifier(x, classes)


def _basic_block(layers: Layers, name: str, x: str, width: int, *, kernel: int, inner: int, stride: int) -> str:
    """Two convolutions, and beside them nothing, or a projection where the shape changes."""
    y = layers.convolution(f"{name}.first", x, inner, kernel=(kernel, kernel), stride=(stride, stride))
    y = layers.convolution(f"{name}.second", y, width, kernel=(3, 3), activation=IDENTITY)
    if stride > 1 or layers.shape(x)[3] != width:
        x = layers.convolution(f"{name}.shortcut", x, width, stride=(stride, stride), activation=IDENTITY)
    return layers.add(f"{name}.add", x, y, RELU6)
