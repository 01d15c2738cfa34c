"""From the choices of the ``tiny`` space to a graph."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_core.graph import Graph
from tinyml_core.graph.operators import IDENTITY
from tinyml_core.search.candidate import Choice
from tinyml_plugins.tinynas.layers import Layers, check_images, halved

SMALLEST_MAP = 2
"""Rows and columns below which a map is not halved any more."""
LARGE_IMAGE = 16
"""Rows and columns from which the stem halves the image."""


def build(layers: Layers, choices: Mapping[str, Choice], sample_shape: tuple[int, ...], classes: int) -> Graph:
    """The network with these choices; see :class:`~tinyml_plugins.tinynas.space.TinySpace`."""
    check_images(sample_shape, classes)
    stride = 2 if min(sample_shape[:2]) >= LARGE_IMAGE else 1
    x = layers.image(sample_shape)
    x = layers.convolution("stem", x, int(choices["stem"]), kernel=(3, 3), stride=(stride, stride))
    for stage in range(1, int(choices["stages"]) + 1):
        width, kernel, expansion = (int(choices[f"{name}{stage}"]) for name in ("width", "kernel", "expansion"))
        for block in range(1, int(choices[f"depth{stage}"]) + 1):
            small = min(map(halved, layers.shape(x)[1:3])) < SMALLEST_MAP
            x = inverted_bottleneck(
                layers, f"stage{stage}.block{block}", x, width,
                kernel=kernel, expansion=expansion, stride=1 if block > 1 or small else 2,
            )  # fmt: skip
    return layers.classifier(x, classes)


def inverted_bottleneck(
    layers: Layers, name: str, x: str, width: int, *, kernel: int, expansion: int, stride: int,
    squeeze: bool = False, residual: bool = True,
) -> str:  # fmt: skip
    """Expand, filter each channel, project (Sandler et al., CVPR 2018).

    Where it is ``residual`` and the shape stays, the input is added. An expansion of 1 has no layer of its own, and
    ``squeeze`` scales the expanded channels by a squeeze-and-excite gate.
    """
    channels = layers.shape(x)[3]
    y = layers.convolution(f"{name}.expand", x, channels * expansion) if expansion > 1 else x
    y = layers.depthwise(f"{name}.depthwise", y, kernel=(kernel, kernel), stride=(stride, stride))
    if squeeze:
        y = layers.squeeze_excite(f"{name}.excite", y, max(8, channels * expansion // 4))
    y = layers.convolution(f"{name}.project", y, width, activation=IDENTITY)
    return layers.add(f"{name}.add", x, y) if residual and stride == 1 and channels == width else y
