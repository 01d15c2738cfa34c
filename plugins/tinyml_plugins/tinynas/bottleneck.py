"""From the choices of the ``tiny`` space to a graph."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph import DType, Graph, GraphBuilder
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU6,
    Activation,
    Add,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Mean,
)
from tinyml_core.graph.tensor import Array
from tinyml_core.search.candidate import Choice

SMALLEST_MAP = 2
"""Rows and columns below which a map is not halved any more."""
LARGE_IMAGE = 16
"""Rows and columns from which the stem halves the image."""


def build(choices: Mapping[str, Choice], sample_shape: tuple[int, ...], classes: int) -> Graph:
    """The network with these choices; see :class:`~tinyml_plugins.tinynas.space.TinySpace`."""
    if len(sample_shape) != 3 or min(sample_shape) < 1:
        raise InputError(
            f"has samples of shape {list(sample_shape)}", place="dataset", remedy="images are [rows, columns, channels]"
        )
    if classes < 2:
        raise InputError(f"has {classes} classes", place="dataset", remedy="classification needs at least 2")
    return _Network(choices).build(sample_shape, classes)


@lru_cache(maxsize=4096)
def _filled(value: float, shape: tuple[int, ...]) -> Array:
    """An array that takes no memory; networks of one space share most of their shapes."""
    return np.broadcast_to(np.float32(value), shape)


class _Network:
    def __init__(self, choices: Mapping[str, Choice]) -> None:
        self._choices = choices
        self._builder = GraphBuilder("tiny")

    def build(self, sample_shape: tuple[int, ...], classes: int) -> Graph:
        b = self._builder
        x = b.input("image", (1, *sample_shape), DType.FLOAT32)
        stride = 2 if min(sample_shape[:2]) >= LARGE_IMAGE else 1
        x = self._convolution("stem", x, self._number("stem"), kernel=3, stride=stride)
        for stage in range(1, self._number("stages") + 1):
            for block in range(1, self._number(f"depth{stage}") + 1):
                x = self._bottleneck(f"stage{stage}.block{block}", x, stage, first=block == 1)
        x = b.node(Mean(), [x], name="mean")
        features = b.tensor(x).shape[1]
        weights = b.constant("head.weights", _filled(0, (classes, features)))
        bias = b.constant("head.bias", _filled(0, (classes,)))
        return b.build([b.node(FullyConnected(), [x, weights, bias], name="head")])

    def _number(self, name: str) -> int:
        return int(self._choices[name])

    def _bottleneck(self, name: str, x: str, stage: int, *, first: bool) -> str:
        _, rows, columns, channels = self._builder.tensor(x).shape
        # -(-n // 2) is what a stride of 2 leaves of n pixels
        stride = 2 if first and min(-(-rows // 2), -(-columns // 2)) >= SMALLEST_MAP else 1
        width = self._number(f"width{stage}")
        y = self._convolution(f"{name}.expand", x, channels * self._number(f"expansion{stage}"))
        y = self._depthwise(f"{name}.depthwise", y, self._number(f"kernel{stage}"), stride)
        y = self._convolution(f"{name}.project", y, width, activation=IDENTITY)
        if stride == 1 and channels == width:
            y = self._builder.node(Add(), [x, y], name=f"{name}.add")
        return y

    def _convolution(
        self, name: str, x: str, width: int, *, kernel: int = 1, stride: int = 1, activation: Activation = RELU6
    ) -> str:
        shape = (width, kernel, kernel, self._builder.tensor(x).shape[3])
        op = Conv2D(stride=(stride, stride), padding=(kernel // 2,) * 4)
        weights = self._builder.constant(f"{name}.weights", _filled(0, shape))
        return self._normalised(name, self._builder.node(op, [x, weights], name=name), activation)

    def _depthwise(self, name: str, x: str, kernel: int, stride: int) -> str:
        shape = (1, kernel, kernel, self._builder.tensor(x).shape[3])
        op = DepthwiseConv2D(stride=(stride, stride), padding=(kernel // 2,) * 4)
        weights = self._builder.constant(f"{name}.weights", _filled(0, shape))
        return self._normalised(name, self._builder.node(op, [x, weights], name=name), RELU6)

    def _normalised(self, name: str, x: str, activation: Activation) -> str:
        b = self._builder
        shape = b.tensor(x).shape[-1:]
        parameters = [
            b.constant(f"{name}.{parameter}", _filled(value, shape))
            for parameter, value in (("gamma", 1), ("beta", 0), ("mean", 0), ("variance", 1))
        ]
        return b.node(BatchNorm(activation=activation), [x, *parameters], name=f"{name}.norm")
