"""Samples: single layers of random geometry, one function for each kind of layer that search spaces are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    RELU,
    Add,
    AveragePool2D,
    Binary,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Softmax,
    Unary,
)
from tinyml_core.hardware.profile import HardwareProfile, MemoryRegion

Draw = Callable[[np.random.Generator], Graph]

MOST_OPERATIONS = 1_000_000
"""Of a layer: larger ones take time and tell no more."""
MOST_BYTES = 60_000
"""Of any tensor of a layer."""
ROOM = (
    MemoryRegion("flash", "flash", 0x0800_0000, 16 << 20),
    MemoryRegion("sram", "sram", 0x2000_0000, 2 << 20),
)
"""Memory of the emulated core while layers are measured."""


def room(profile: HardwareProfile) -> HardwareProfile:
    """``profile`` with memory for many layers at once."""
    return replace(profile, regions=ROOM)


def draw_layer(kind: str, seed: int, rounding: Rounding, *, most: int = MOST_OPERATIONS) -> Graph:
    """A layer of a kind of :data:`DRAWS` of at most so many operations; equal arguments give equal layers."""
    rng = np.random.default_rng((seed, *kind.encode()))
    while True:
        graph = DRAWS[kind](rng)
        if graph.operations <= most and max(each.bytes for each in graph.tensors.values()) <= MOST_BYTES:
            return replace(graph, rounding=rounding)


def _scale(scale: float, zero_point: int = 0) -> Quantization:
    return Quantization.per_tensor(scale, zero_point)


def _log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))


def _channels(rng: np.random.Generator, high: int = 320) -> int:
    """Mostly multiples of 8, as search spaces have them; at times of 4, or any number."""
    multiple = int(rng.choice((8, 4, 1), p=(0.6, 0.2, 0.2)))
    return max(1, round(_log_uniform(rng, 3, high) / multiple)) * multiple


def _sides(rng: np.random.Generator, low: int = 1) -> tuple[int, int]:
    """Rows and columns, two times in three the same."""
    side = _log_uniform(rng, max(low, 3), 96)
    return (side, side) if rng.random() < 2 / 3 else (_log_uniform(rng, low, 96), _log_uniform(rng, low, 96))


def _single(op: Operator, *shapes: tuple[int, ...]) -> Graph:
    b = GraphBuilder("layer")
    handles = [b.input(f"x{number}", shape, DType.INT8, _scale(0.05, -7)) for number, shape in enumerate(shapes)]
    return b.build([b.node(op, handles, name="layer", quantization=_scale(0.1, -9))])


def _linear(rng: np.random.Generator, op: Operator, shape: tuple[int, ...], weights: tuple[int, ...]) -> Graph:
    axis = 3 if weights[0] == 1 and isinstance(op, DepthwiseConv2D) else 0
    b = GraphBuilder("layer")
    x = b.input("x", shape, DType.INT8, _scale(0.05, -7))
    scales = Quantization.per_channel(rng.uniform(2e-3, 8e-3, weights[axis]), axis)
    handle = b.constant("weights", rng.integers(-127, 128, weights).astype(np.int8), scales)
    bias = b.constant("bias", rng.integers(-2000, 2000, weights[axis]).astype(np.int32), _scale(1.0))
    return b.build([b.node(op, [x, handle, bias], name="layer", quantization=_scale(0.1, -128))])


def _window(
    rng: np.random.Generator, kernel: tuple[int, int], stride: tuple[int, int], *, depthwise: bool = False
) -> Graph:
    sides = _sides(rng, 2)
    if kernel[1] == 1 < kernel[0]:  # of a signal, which is one column wide
        sides = (_log_uniform(rng, 8, 512), 1)
    channels = max(4, _channels(rng)) if depthwise else int(rng.choice((1, 3, _channels(rng, 160))))
    top, left = kernel[0] // 2, kernel[1] // 2
    padding = (top, kernel[0] - 1 - top, left, kernel[1] - 1 - left)
    if rng.random() < 0.2 and min(sides[0] - kernel[0], sides[1] - kernel[1]) >= 0:
        padding = (0, 0, 0, 0)
    shape = (1, *sides, channels)
    if depthwise:
        op: Operator = DepthwiseConv2D(stride=stride, padding=padding, activation=RELU)
        return _linear(rng, op, shape, (1, *kernel, channels))
    op = Conv2D(stride=stride, padding=padding, activation=RELU)
    return _linear(rng, op, shape, (_channels(rng, 160), *kernel, channels))


def _pixels(rng: np.random.Generator) -> Graph:
    channels, sides = _channels(rng), (1, 1) if rng.random() < 0.1 else _sides(rng)
    return _linear(rng, Conv2D(activation=RELU), (1, *sides, channels), (_channels(rng), 1, 1, channels))


def _stem(rng: np.random.Generator) -> Graph:
    """What networks begin with: of an image, a spectrogram or a signal."""
    kernel, stride = (((3, 3), (2, 2)), ((3, 3), (1, 1)), ((10, 4), (2, 2)), ((10, 1), (2, 1)))[rng.integers(4)]
    return _window(rng, kernel, stride)


def _windows(rng: np.random.Generator) -> Graph:
    shapes = ((3, 3), (3, 3), (3, 3), (5, 5), (7, 7), (1, 1), (3, 1), (1, 3), (9, 1), (10, 4))
    kernel = shapes[rng.integers(len(shapes))]
    stride = int(rng.choice((1, 2)))
    return _window(rng, kernel, (2, 2) if kernel == (1, 1) else (stride, 1 if kernel[1] == 1 else stride))


def _depthwise(size: int, stride: int) -> Draw:
    def draw(rng: np.random.Generator) -> Graph:
        down = stride if rng.random() < 0.8 else 3 - stride
        return _window(rng, (size, size), (down, stride), depthwise=True)

    return draw


def _signal(size: int) -> Draw:
    return lambda rng: _window(rng, (size, 1), (int(rng.choice((1, 2))), 1), depthwise=True)


def _other_depthwise(rng: np.random.Generator) -> Graph:
    shapes, stride = ((1, 3), (1, 5), (9, 1), (2, 2), (4, 4), (5, 3)), int(rng.choice((1, 2)))
    return _window(rng, shapes[rng.integers(len(shapes))], (stride, stride), depthwise=True)


def _dense(rng: np.random.Generator) -> Graph:
    features = _log_uniform(rng, 4, 1024)
    return _linear(rng, FullyConnected(), (1, features), (_log_uniform(rng, 1, 256), features))


def _pool(op: type[AveragePool2D | MaxPool2D]) -> Draw:
    def draw(rng: np.random.Generator) -> Graph:
        size = int(rng.choice((2, 3, 4)))
        sides = tuple(max(side, size) for side in _sides(rng))
        stride = int(rng.choice((1, 2, size)))
        return _same_scale(op(kernel=(size, size), stride=(stride, stride)), (1, *sides, _channels(rng)))

    return draw


def _same_scale(op: Operator, shape: tuple[int, ...]) -> Graph:
    b = GraphBuilder("layer")
    x = b.input("x", shape, DType.INT8, _scale(0.05, -7))
    return b.build([b.node(op, [x], name="layer", quantization=_scale(0.05, -7))])


def _mean(rng: np.random.Generator) -> Graph:
    return _single(Mean((1, 2), bool(rng.random() < 0.5)), (1, *_sides(rng), _channels(rng)))


def _add(rng: np.random.Generator) -> Graph:
    """A tensor added to itself: only a single input can come row by row."""
    b = GraphBuilder("layer")
    x = b.input("x", (1, *_sides(rng), _channels(rng)), DType.INT8, _scale(0.05, -7))
    op, zero_point = (Add(activation=RELU), -128) if rng.random() < 0.3 else (Add(), -9)
    return b.build([b.node(op, [x, x], name="layer", quantization=_scale(0.1, zero_point))])


def _gate(rng: np.random.Generator) -> Graph:
    channels = _channels(rng)
    return _single(Binary(function="multiply"), (1, *_sides(rng), channels), (1, 1, 1, channels))


def _hard_sigmoid(rng: np.random.Generator) -> Graph:
    return _single(Unary(function="hard_sigmoid", alpha=1 / 6, beta=0.5), (1, 1, 1, _channels(rng)))


def _softmax(rng: np.random.Generator) -> Graph:
    b = GraphBuilder("layer")
    x = b.input("x", (1, _log_uniform(rng, 2, 256)), DType.INT8, _scale(0.05, -7))
    return b.build([b.node(Softmax(), [x], name="layer", quantization=_scale(1 / 256, -128))])


DRAWS: dict[str, Draw] = {
    "pixels": _pixels,
    "windows": _windows,
    "stem": _stem,
    **{f"depthwise {size} by {stride}": _depthwise(size, stride) for size in (3, 5, 7) for stride in (1, 2)},
    **{f"signal {size}": _signal(size) for size in (3, 5, 7)},
    "depthwise": _other_depthwise,
    "dense": _dense,
    "add": _add,
    "mean": _mean,
    "average pool": _pool(AveragePool2D),
    "max pool": _pool(MaxPool2D),
    "gate": _gate,
    "hard sigmoid": _hard_sigmoid,
    "softmax": _softmax,
}
"""A layer of each kind, drawn at random."""
