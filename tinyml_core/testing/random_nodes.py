"""Random nodes: for each operator, which tensors suit it and how to add one with random attributes and constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.graph import Quantization, Tensor
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reshape,
    Softmax,
)
from tinyml_core.testing.author import Author, Maker
from tinyml_core.testing.random_arrangement import ARRANGEMENT
from tinyml_core.testing.random_pointwise import POINTWISE

MOST_PIXELS = 100
"""Above it nothing is padded, so that graphs stay fast to execute on an emulator."""
EDGE_FACTORS = (0.1, 0.4999999, 0.5, 0.75, 0.9999999, 1.0, 2.5, 40.0, 1e-6)
"""Real factors between accumulators and activations where both roundings have their edges."""
DEAD_SCALE = 3.9e-9
"""What quantisers give a filter of zeros; its bias then lands far outside of everything else."""


def _weights(author: Author, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    low, high = author.choose([(-127, 127)] * 4 + [(-128, 127), (127, 127), (-128, -128), (-1, 1), (0, 0)])
    return author.rng.integers(low, high, shape, endpoint=True).astype(np.int8)


def _bias(author: Author, channels: int) -> npt.NDArray[np.int32]:
    reach = author.choose([1 << 10, 1 << 12, 1 << 14, 1 << 16, (1 << 31) - 1])
    return author.rng.integers(-reach - 1, reach, channels, endpoint=True).astype(np.int32)


def _linear(author: Author, op: Operator, source: str, weights: npt.NDArray[np.int8], axis: int) -> str:
    """A convolution or dense layer with random scales, filters of zeros and a random bias."""
    builder, output = author.builder, author.quantization()
    channels = weights.shape[axis]
    everyday = 1 / (50 * (weights.size / channels) ** 0.5)  # spreads random sums over the 256 integers
    factor = author.choose([everyday, author.choose(EDGE_FACTORS)]) * output.scale[0] / builder.tensor(source).scale
    if author.choose([False, True]):
        scales = factor * 2.0 ** author.rng.uniform(-3, 1, channels)
        if author.choose([False, True]):
            dead = author.rng.random(channels) < 0.3
            scales[dead] = DEAD_SCALE
            np.moveaxis(weights, axis, -1)[..., dead] = 0
        quantization = Quantization.per_channel(scales, axis)
    else:
        quantization = Quantization.per_tensor(factor)
    operands = [source, builder.constant(author.name("weights"), weights, quantization)]
    if author.choose([True, False]):
        accumulator = Quantization.per_channel(np.array(quantization.scale) * builder.tensor(source).scale, 0)
        if quantization.axis is None:
            accumulator = Quantization.per_tensor(accumulator.scale[0])
        operands.append(builder.constant(author.name("bias"), _bias(author, channels), accumulator))
    return builder.node(op, operands, quantization=output)


def _window(author: Author, source: str, largest: int, *, pooling: bool) -> tuple[dict[str, Any], tuple[int, int]]:
    """Attributes of a window that fits, and its size; padding of poolings is smaller than the window."""
    choose, sizes = author.choose, author.builder.tensor(source).shape[1:3]
    roomy = sizes[0] * sizes[1] <= MOST_PIXELS
    dilation = (1, 1) if pooling else (choose([1, 1, 2]), choose([1, 1, 2]))
    padding: list[int] = []
    kernel: list[int] = []
    for size, spread in zip(sizes, dilation, strict=True):
        around = (choose([0, 1, 2]), choose([0, 1, 2])) if roomy else (0, 0)
        fitting = [k for k in range(1, largest + 1) if (k - 1) * spread + 1 <= size + sum(around)]
        kernel.append(choose(fitting))
        padding += [min(before, kernel[-1] - 1) for before in around] if pooling else around
    stride = (choose([1, 2, 3]), choose([1, 2, 3]))
    attributes = {
        "stride": stride, "padding": tuple(padding), "dilation": dilation, "activation": author.activation()
    }  # fmt: skip
    return attributes, (kernel[0], kernel[1])


def _convolution(author: Author, source: str) -> str:
    attributes, kernel = _window(author, source, 5, pooling=False)
    shape = (author.choose(range(1, 18)), *kernel, author.builder.tensor(source).shape[3])
    return _linear(author, Conv2D(**attributes), source, _weights(author, shape), 0)


def _depthwise(author: Author, source: str) -> str:
    attributes, kernel = _window(author, source, 5, pooling=False)
    channels = author.builder.tensor(source).shape[3]
    multiplier = author.choose([1, 1, 2, 3] if channels <= 17 else [1])
    shape = (1, *kernel, channels * multiplier)
    return _linear(author, DepthwiseConv2D(**attributes), source, _weights(author, shape), 3)


def _dense(author: Author, source: str) -> str:
    tensor = author.builder.tensor(source)
    if len(tensor.shape) != 2:
        source = author.builder.node(Reshape((1, tensor.elements)), [source], quantization=tensor.quantization)
    shape = (author.choose(range(1, 18)), tensor.elements)
    return _linear(author, FullyConnected(author.activation()), source, _weights(author, shape), 0)


def _pool(op: type[AveragePool2D] | type[MaxPool2D]) -> Callable[[Author, str], str]:
    def make(author: Author, source: str) -> str:
        attributes, kernel = _window(author, source, 4, pooling=True)
        quantization = author.builder.tensor(source).quantization
        return author.builder.node(op(**attributes, kernel=kernel), [source], quantization=quantization)

    return make


def _pad(author: Author, source: str) -> str:
    tensor, choose = author.builder.tensor(source), author.choose
    mode = choose(["constant", "constant", "reflect", "symmetric"])
    reach = [size - (mode == "reflect") if mode != "constant" else 2 for size in tensor.shape[1:]]
    padding = tuple((min(choose([1, 0, 2]), most), min(choose([0, 1]), most)) for most in reach)
    value = choose([0.0, 0.0, 1.5]) if mode == "constant" else 0.0
    return author.builder.node(Pad(((0, 0), *padding), mode, value), [source], quantization=tensor.quantization)


def _reshape(author: Author, source: str) -> str:
    tensor = author.builder.tensor(source)
    _, *sizes = tensor.shape
    shapes = [(1, tensor.elements), (1, 1, 1, tensor.elements), (1, *reversed(sizes))]
    return author.builder.node(Reshape(author.choose(shapes)), [source], quantization=tensor.quantization)


def _mean(author: Author, source: str) -> str:
    rank = len(author.builder.tensor(source).shape)
    axes = author.choose([(1, 2), (1, 2), (2,), (1,), (3,), (1, 2, 3)] if rank == 4 else [(rank - 1,)])
    return author.builder.node(Mean(axes, author.choose([False, True])), [source], quantization=author.quantization())


def _softmax(author: Author, source: str) -> str:
    return author.builder.node(
        Softmax(author.choose([1.0, 0.5, 4.0])), [source], quantization=Quantization.per_tensor(1 / 256, -128)
    )


def _clamp(author: Author, source: str) -> str:
    quantization = author.choose([author.builder.tensor(source).quantization, author.quantization()])
    return author.builder.node(Clamp(author.activation()), [source], quantization=quantization)


def _quantize(author: Author, source: str) -> str:
    return author.builder.node(Quantize(), [source], quantization=author.quantization())


def _is_image(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4


def _is_anything(tensor: Tensor) -> bool:
    return len(tensor.shape) >= 2


MAKERS: dict[type[Operator], Maker] = {
    Conv2D: Maker(_is_image, _convolution),
    DepthwiseConv2D: Maker(_is_image, _depthwise),
    FullyConnected: Maker(lambda tensor: tensor.elements <= 2048, _dense),
    AveragePool2D: Maker(_is_image, _pool(AveragePool2D)),
    MaxPool2D: Maker(_is_image, _pool(MaxPool2D)),
    Pad: Maker(lambda tensor: len(tensor.shape) >= 2 and tensor.elements <= 1024, _pad),
    Reshape: Maker(_is_anything, _reshape),
    Mean: Maker(_is_anything, _mean),
    Softmax: Maker(_is_anything, _softmax),
    Clamp: Maker(_is_anything, _clamp),
    Quantize: Maker(_is_anything, _quantize),
    **POINTWISE,
    **ARRANGEMENT,
}
