"""Random nodes that arrange the elements of int8 tensors, multiply two of them, or convolve backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinyml_core.graph import DType, Quantization, Tensor
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Concat,
    Expand,
    Gather,
    MatMul,
    Resize,
    Slice,
    Split,
    Transpose,
    TransposeConv2D,
)
from tinyml_core.testing.author import Author, Maker

MOST_ELEMENTS = 1024
"""Above it nothing grows, so that graphs stay fast to execute on an emulator."""
TIES = {"asymmetric": "floor", "half_pixel": "half_up", "align_corners": "half_up"}
"""How TensorFlow Lite rounds the coordinates of a nearest neighbour."""


def _arranged(author: Author, op: Operator, inputs: Sequence[str]) -> str:
    """A node whose output is quantised as its first input; of several outputs the last."""
    *others, last = author.builder.node_outputs(op, inputs, quantization=author.builder.tensor(inputs[0]).quantization)
    author.values.extend(others)
    return last


def _axis(author: Author, tensor: Tensor) -> int:
    return int(author.choose(range(1, len(tensor.shape))))


def _transpose(author: Author, source: str) -> str:
    rank = len(author.builder.tensor(source).shape)
    return _arranged(author, Transpose((0, *(1 + int(axis) for axis in author.rng.permutation(rank - 1)))), [source])


def _concat(author: Author, source: str) -> str:
    tensor = author.builder.tensor(source)
    axis = _axis(author, tensor)
    same = [name for name in author.values if author.builder.tensor(name).quantization == tensor.quantization]
    beside = [source, *(name for name in same if _beside(tensor, author.builder.tensor(name), axis))]
    operands = [source, *(author.choose(beside) for _ in range(author.choose([1, 0, 2])))]
    if author.choose([False, True]):
        shape = (*tensor.shape[:axis], author.choose([1, 3]), *tensor.shape[axis + 1 :])
        data = author.rng.integers(-128, 127, shape, endpoint=True).astype(np.int8)
        operands.append(author.builder.constant(author.name("piece"), data, tensor.quantization))
    return _arranged(author, Concat(axis), operands)


def _beside(one: Tensor, other: Tensor, axis: int) -> bool:
    return len(one.shape) == len(other.shape) and all(
        a == b for index, (a, b) in enumerate(zip(one.shape, other.shape, strict=True)) if index != axis
    )


def _split(author: Author, source: str) -> str:
    tensor = author.builder.tensor(source)
    axis = _axis(author, tensor)
    cut = int(author.choose(range(1, tensor.shape[axis] + 1)))
    rest = tensor.shape[axis] - cut
    return _arranged(author, Split(axis, (cut, rest) if rest else (cut,)), [source])


def _slice(author: Author, source: str) -> str:
    starts, sizes, steps = [0], [1], [1]
    for whole in author.builder.tensor(source).shape[1:]:
        step, start = author.choose([1, 1, 2, -1, 3, -2]), author.choose(range(min(whole, 3)))
        start = whole - 1 - start if step < 0 else start
        room = start // -step if step < 0 else (whole - 1 - start) // step
        starts, steps = [*starts, start], [*steps, step]
        sizes.append(room + 1 - author.choose(range(min(room, 2) + 1)))
    return _arranged(author, Slice(tuple(starts), tuple(sizes), tuple(steps)), [source])


def _gather(author: Author, source: str) -> str:
    tensor = author.builder.tensor(source)
    axis = _axis(author, tensor)
    indices = author.rng.integers(0, tensor.shape[axis], author.choose([1, 2, 5])).astype(np.int32)
    return _arranged(author, Gather(axis), [source, author.builder.constant(author.name("indices"), indices)])


def _expand(author: Author, source: str) -> str:
    shape = author.builder.tensor(source).shape
    grown = tuple(author.choose([2, 3, 1]) if size == 1 else size for size in shape[1:])
    return _arranged(author, Expand((1, *grown)), [source])


def _resize(author: Author, source: str) -> str:
    choose, coordinates = author.choose, author.choose(list(TIES))
    size, method = (choose(range(1, 10)), choose(range(1, 10))), choose(["nearest", "bilinear"])
    return _arranged(author, Resize(size, method, coordinates, TIES[coordinates]), [source])


def _matmul(author: Author, source: str) -> str:
    """By a constant, or a tensor by itself."""
    choose, tensor = author.choose, author.builder.tensor(source)
    left, right = choose([False, True]), choose([False, True])
    depth = tensor.shape[-2 if left else -1]
    other = source
    if left == right or choose([False, True]):
        inner = [choose(range(1, 9)), depth] if right else [depth, choose(range(1, 9))]
        data = author.rng.integers(-128, 127, (*tensor.shape[:-2], *inner), endpoint=True).astype(np.int8)
        other = author.builder.constant(author.name("matrix"), data, author.quantization())
    factor = tensor.scale * author.builder.tensor(other).scale * 70 * depth**0.5
    output = Quantization.per_tensor(factor * choose([1.0, 1 / 3, 2.5]), choose([0, -5, 77, -128]))
    return author.builder.node(MatMul(left, right), [source, other], quantization=output)


def _transpose_convolution(author: Author, source: str) -> str:
    """VALID, or SAME where the stride divides the output."""
    choose, tensor = author.choose, author.builder.tensor(source)
    _, rows, columns, channels = tensor.shape
    kernel, stride = (choose(range(1, 5)), choose(range(1, 5))), (choose([1, 2, 3]), choose([2, 1]))
    size = [(n - 1) * step + taps for n, step, taps in zip((rows, columns), stride, kernel, strict=True)]
    padding = [0, 0]
    if choose([False, True]):
        size = [n * step for n, step in zip((rows, columns), stride, strict=True)]
        padding = [max(taps - step, 0) // 2 for taps, step in zip(kernel, stride, strict=True)]
    filters = choose(range(1, 9))
    weights = author.rng.integers(-127, 127, (filters, *kernel, channels), endpoint=True).astype(np.int8)
    output = author.quantization()
    factor = output.scale[0] / tensor.scale / (50 * (kernel[0] * kernel[1] * channels) ** 0.5)
    scales = Quantization.per_channel(factor * 2.0 ** author.rng.uniform(-3, 1, filters), 0)
    operands = [source, author.builder.constant(author.name("weights"), weights, scales)]
    if choose([True, False]):
        bias = author.rng.integers(-9999, 9999, filters).astype(np.int32)
        accumulator = Quantization.per_channel(np.array(scales.scale) * tensor.scale, 0)
        operands.append(author.builder.constant(author.name("bias"), bias, accumulator))
    op = TransposeConv2D((size[0], size[1]), stride, (padding[0], padding[1]), author.activation())
    return author.builder.node(op, operands, quantization=output)


def _suits(most: int, ranks: Sequence[int] = (2, 3, 4)) -> Callable[[Tensor], bool]:
    return lambda tensor: tensor.dtype is DType.INT8 and len(tensor.shape) in ranks and tensor.elements <= most


ARRANGEMENT: dict[type[Operator], Maker] = {
    Concat: Maker(_suits(MOST_ELEMENTS), _concat),
    Expand: Maker(_suits(MOST_ELEMENTS // 9), _expand),
    Gather: Maker(_suits(MOST_ELEMENTS), _gather),
    MatMul: Maker(_suits(MOST_ELEMENTS, ranks=(3, 4)), _matmul),
    Resize: Maker(_suits(MOST_ELEMENTS, ranks=(4,)), _resize),
    Slice: Maker(_suits(1 << 20), _slice),
    Split: Maker(_suits(1 << 20), _split),
    Transpose: Maker(_suits(1 << 20), _transpose),
    TransposeConv2D: Maker(_suits(MOST_ELEMENTS // 2, ranks=(4,)), _transpose_convolution),
}
