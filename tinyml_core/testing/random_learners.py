"""Random int8 networks for tests of learning: residuals, values read several times, concatenations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, Unpack

import numpy as np

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph import operators as ops
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.verify import verify


def random_network(seed: int, gain: float = 1.0) -> Graph:
    """A network of 3 to 5 classes for images of 6 to 10 pixels; one of each kind of block, in any order, and others.

    ``gain`` times as large as usual is what layers compute: far above 1 most outputs saturate.
    """
    author = _Author(np.random.default_rng(seed), gain)
    value = author.builder.input("image", (1, *author.sizes(6, 11, 2), int(author.rng.integers(2, 5))), DType.INT8, Q)
    kinds = [*BLOCKS, *author.rng.choice(list(BLOCKS), 2)]
    value = author.convolution(value, 6)
    for kind in author.rng.permutation(kinds):
        value = BLOCKS[str(kind)](author, value)
    mean = author.builder.node(ops.Mean((1, 2), keep_axes=bool(seed % 2)), [value], quantization=author.scale())
    if seed % 2:
        output = author.linear(ops.Conv2D(), mean, (int(author.rng.integers(3, 6)), 1, 1, author.channels(mean)), 0)
    else:
        flat = author.builder.node(ops.Reshape((1, author.channels(mean))), [mean], quantization=author.kept(mean))
        hidden = author.linear(ops.FullyConnected(ops.RELU), flat, (7, author.channels(flat)), 0)
        output = author.linear(ops.FullyConnected(), hidden, (int(author.rng.integers(3, 6)), 7), 0)
    return verify(author.builder.build([output]))


def residual_network() -> Graph:
    """A stem, an inverted residual and a classifier, nothing more, for 6 by 6 images with 3 channels."""
    author = _Author(np.random.default_rng(8))
    stem = author.convolution(author.builder.input("image", (1, 6, 6, 3), DType.INT8, Q), 6)
    block = _inverted_residual(author, stem)
    mean = author.builder.node(ops.Mean((1, 2), keep_axes=True), [block], quantization=author.kept(block))
    return verify(author.builder.build([author.linear(ops.Conv2D(), mean, (3, 1, 1, 6), 0)]))


Q = Quantization.per_tensor(0.05, 3)


class _Window(TypedDict, total=False):
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]


class _Author:
    def __init__(self, rng: np.random.Generator, gain: float = 1.0) -> None:
        self.rng, self.builder, self._count, self._gain = rng, GraphBuilder("random"), 0, gain

    def sizes(self, low: int, high: int, count: int) -> tuple[int, ...]:
        return tuple(int(size) for size in self.rng.integers(low, high, count))

    def scale(self) -> Quantization:
        return Quantization.per_tensor(self.rng.uniform(0.02, 0.08), int(self.rng.integers(-30, 30)))

    def kept(self, value: str) -> Quantization | None:
        return self.builder.tensor(value).quantization

    def channels(self, value: str) -> int:
        return self.builder.tensor(value).shape[-1]

    def linear(self, op: Operator, source: str, shape: tuple[int, ...], axis: int) -> str:
        image, output = self.builder.tensor(source), self.scale()
        self._count += 1
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        count, taps = shape[axis], weights.size // shape[axis]
        everyday = self._gain * output.scale[0] / (image.scale * 60 * taps**0.5)
        spread = self.rng.uniform(0.5, 2.0, count if self.rng.random() < 0.7 else 1)
        scales = (everyday * spread).astype(np.float32)
        per = Quantization.per_channel(scales, axis) if len(scales) > 1 else Quantization.per_tensor(scales[0])
        operands = [source, self.builder.constant(f"w{self._count}", weights, per)]
        if self.rng.random() < 0.8:
            bias = self.rng.integers(-1000, 1000, count).astype(np.int32)
            each = Quantization.per_channel(np.broadcast_to(scales * np.float32(image.scale), count), 0)
            operands.append(self.builder.constant(f"b{self._count}", bias, each))
        return self.builder.node(op, operands, name=f"layer{self._count}", quantization=output)

    def function(self) -> ops.Unary:
        functions = (ops.Unary("leaky_relu", 0.25), ops.Unary("hard_swish"), ops.Unary("tanh"))
        return functions[int(self.rng.integers(3))]

    def window(self, source: str) -> _Window:
        large = min(self.builder.tensor(source).shape[1:3]) >= 4
        down, right = self.sizes(1, 3, 2) if large and self.rng.random() < 0.3 else (1, 1)
        return {"stride": (down, right), "padding": (1, int(self.rng.integers(1, 3)), 1, 1)}

    def convolution(self, source: str, channels: int | None = None, taps: int = 3, **window: Unpack[_Window]) -> str:
        channels = channels or int(self.rng.integers(3, 9))
        shape = (channels, taps, taps, self.channels(source))
        activation = ((ops.IDENTITY, ops.RELU, (-2.0, 2.5)))[int(self.rng.integers(3))]
        return self.linear(ops.Conv2D(activation=activation, **window), source, shape, 0)


def _inverted_residual(author: _Author, source: str) -> str:
    wide = author.convolution(source, 9, 1)
    depthwise = ops.DepthwiseConv2D(padding=(1, 1, 1, 1), activation=ops.RELU6)
    inner = author.linear(depthwise, wide, (1, 3, 3, 9), 3)
    narrow = author.convolution(inner, author.channels(source), 1)
    return author.builder.node(ops.Add(), [source, narrow], quantization=author.scale())


def _concatenation(author: _Author, source: str) -> str:
    size = author.builder.tensor(source).shape
    branches = [author.convolution(source, 3, taps) for taps in (1, 1)]
    common = author.scale()
    alike = [author.builder.node(ops.Quantize(), [each], quantization=common) for each in (*branches, source)]
    joined = author.builder.node(ops.Concat(3), [*alike, alike[0]], quantization=common)
    pieces = author.builder.node_outputs(ops.Split(3, (4, author.channels(joined) - 4)), [joined], quantization=common)
    first = author.builder.node(ops.Slice((0, 0, 0, 1), (*size[:3], 3), (1,) * 4), [joined], quantization=common)
    return author.builder.node(ops.Concat(3), [pieces[1], first], quantization=common)


def _plain(author: _Author, source: str) -> str:
    return author.convolution(source, **author.window(source))


def _dilated(author: _Author, source: str) -> str:
    return author.convolution(source, padding=(2, 2, 2, 2), dilation=(2, 2))


def _multiplied_depthwise(author: _Author, source: str) -> str:
    shape = (1, 3, 3, author.channels(source) * 2)
    wide = author.linear(ops.DepthwiseConv2D(**author.window(source)), source, shape, 3)
    return author.convolution(wide, 5, 1)


def _pooled(op: type[ops.AveragePool2D] | type[ops.MaxPool2D]) -> Callable[[_Author, str], str]:
    def make(author: _Author, source: str) -> str:
        activation = (ops.IDENTITY, (-0.5, 1.0))[int(author.rng.integers(2))]
        pool = op(padding=(1, 0, 0, 1), kernel=(2, 2), activation=activation)
        return author.builder.node(pool, [source], quantization=author.kept(source))

    return make


def _gated(author: _Author, source: str) -> str:
    """Squeeze and excitation behind a function."""
    squeezed = author.builder.node(ops.Mean((1, 2), keep_axes=True), [source], quantization=author.kept(source))
    excited = author.convolution(squeezed, author.channels(source), 1)
    gate = author.builder.node(ops.Unary("sigmoid"), [excited], quantization=Quantization.per_tensor(1 / 256, -128))
    source = author.builder.node(author.function(), [source], quantization=author.scale())
    return author.builder.node(ops.Binary("multiply"), [source, gate], quantization=author.scale())


def _moved(author: _Author, source: str) -> str:
    kept, shape = author.kept(source), author.builder.tensor(source).shape
    padded = author.builder.node(ops.Pad(((0, 0), (0, 1), (1, 0), (0, 0))), [source], quantization=kept)
    turned = author.builder.node(ops.Transpose((0, 2, 1, 3)), [padded], quantization=kept)
    clamped = author.builder.node(ops.Clamp((-0.8, 1.2)), [turned], quantization=author.scale())
    assert author.builder.tensor(clamped).shape == (1, shape[2] + 1, shape[1] + 1, shape[3])
    return clamped


def _difference(author: _Author, source: str) -> str:
    left, right = (author.convolution(source, 4, 1) for _ in range(2))
    difference = author.builder.node(ops.Binary("subtract"), [left, right], quantization=author.scale())
    return author.builder.node(ops.Add(ops.RELU), [difference, difference], quantization=author.scale())


BLOCKS: dict[str, Callable[[_Author, str], str]] = {
    "average": _pooled(ops.AveragePool2D),
    "concatenation": _concatenation,
    "difference": _difference,
    "dilated": _dilated,
    "gated": _gated,
    "greatest": _pooled(ops.MaxPool2D),
    "inverted residual": _inverted_residual,
    "moved": _moved,
    "multiplied depthwise": _multiplied_depthwise,
    "plain": _plain,
}
