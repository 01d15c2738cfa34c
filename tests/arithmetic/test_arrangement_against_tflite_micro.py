"""Arrangement, matrix products and transposed convolutions against TensorFlow Lite Micro: no byte may differ."""

from __future__ import annotations

import numpy as np
import pytest

from tflite_models.writer import runtime, same_padding, to_tflite
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Concat,
    Expand,
    Gather,
    MatMul,
    Pad,
    Resize,
    Slice,
    Split,
    Transpose,
    TransposeConv2D,
)
from tinyml_core.graph.verify import verify

Q = Quantization.per_tensor
TRIALS = 60


def differing(graph, rng):
    """Bytes that differ over all outputs."""
    inputs = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        if tensor.dtype is DType.INT8:
            inputs[name] = rng.integers(-128, 128, tensor.shape).astype(np.int8)
        else:
            inputs[name] = rng.normal(size=tensor.shape).astype(np.float32)
    interpreter = runtime.Interpreter.from_bytes(to_tflite(verify(graph)), arena_size=1 << 18)
    for index, name in enumerate(graph.inputs):
        interpreter.set_input(inputs[name], index)
    interpreter.invoke()
    expected = execute(graph, inputs)
    return sum(
        int(np.count_nonzero(interpreter.get_output(index).view(np.uint8) != expected[name].view(np.uint8)))
        for index, name in enumerate(graph.outputs)
    )


def scale(rng):
    return Q(float(10 ** rng.uniform(-2, 0)), int(rng.integers(-128, 128)))


def shape_of(rng, most=5):
    return tuple(int(size) for size in rng.integers(1, most, 4))


def alone(op, shape, rng, dtype=DType.INT8):
    q = scale(rng) if dtype is DType.INT8 else None
    b = GraphBuilder(str(op), Rounding.TFLITE)
    x = b.input("x", shape, dtype, q)
    return b.build(b.node_outputs(op, [x], quantization=q))


def resize(rng, method):
    coordinates = ("asymmetric", "half_pixel", "align_corners")[rng.integers(3)]
    size = (int(rng.integers(1, 12)), int(rng.integers(1, 12)))
    ties = "floor" if coordinates == "asymmetric" else "half_up"
    return alone(Resize(size, method, coordinates, ties), shape_of(rng, 7), rng)


def transpose(rng):
    return alone(Transpose(tuple(int(axis) for axis in rng.permutation(4))), shape_of(rng), rng)


def slice_(rng):
    shape = shape_of(rng, 7)
    starts, sizes, steps = [], [], []
    for whole in shape:
        step = int((-2, -1, 1, 1, 2, 3)[rng.integers(6)])
        start = int(rng.integers(whole))
        room = start // -step if step < 0 else (whole - 1 - start) // step
        size = int(rng.integers(1, room + 2))
        # A slice that runs backwards to the front has no end that TensorFlow Lite can tell, but a mask.
        starts, sizes, steps = [*starts, start], [*sizes, size], [*steps, step]
    return alone(Slice(tuple(starts), tuple(sizes), tuple(steps)), shape, rng)


def split(rng):
    shape, axis = shape_of(rng, 7), int(rng.integers(4))
    first = int(rng.integers(1, shape[axis] + 1))
    sizes = (first, shape[axis] - first) if first < shape[axis] else (first,)
    return alone(Split(axis, sizes), shape, rng)


def concat(rng):
    shape, axis, q = shape_of(rng), int(rng.integers(4)), scale(rng)
    b = GraphBuilder("concat", Rounding.TFLITE)
    names = []
    for index in range(int(rng.integers(1, 5))):
        own = (*shape[:axis], int(rng.integers(1, 4)), *shape[axis + 1 :])
        names.append(b.input(f"x{index}", own, DType.INT8, q))
    return b.build([b.node(Concat(axis), names, quantization=q)])


def gather(rng):
    shape, axis, q = shape_of(rng), int(rng.integers(4)), scale(rng)
    b = GraphBuilder("gather", Rounding.TFLITE)
    x = b.input("x", shape, DType.INT8, q)
    at = b.constant("at", rng.integers(0, shape[axis], 3).astype(np.int32))
    return b.build([b.node(Gather(axis), [x, at], quantization=q)])


def expand(rng):
    shape = shape_of(rng)
    grown = tuple(int(rng.integers(1, 4)) if size == 1 else size for size in shape)
    return alone(Expand(grown), shape, rng)


def mirror_pad(rng):
    shape = tuple(int(size) for size in rng.integers(2, 6, 4))
    mode = ("reflect", "symmetric")[rng.integers(2)]
    reach = [size - (mode == "reflect") for size in shape]
    padding = tuple((int(rng.integers(n + 1)), int(rng.integers(n + 1))) for n in reach)
    return alone(Pad(padding, mode), shape, rng)


def pad(rng):
    padding = tuple((int(before), int(after)) for before, after in rng.integers(0, 4, (4, 2)))
    return alone(Pad(padding, value=float(rng.normal(scale=3))), shape_of(rng), rng)


def matmul(rng):
    rows, depth, columns, stack = (int(size) for size in rng.integers(1, 9, 4))
    transpose_left, transpose_right = bool(rng.integers(2)), bool(rng.integers(2))
    b = GraphBuilder("matmul", Rounding.TFLITE)
    left = (depth, rows) if transpose_left else (rows, depth)
    right = (columns, depth) if transpose_right else (depth, columns)
    x, y = (b.input(name, (1, stack, *shape), DType.INT8, scale(rng)) for name, shape in (("x", left), ("y", right)))
    return b.build([b.node(MatMul(transpose_left, transpose_right), [x, y], quantization=scale(rng))])


def transpose_conv(rng):
    _, rows, columns, channels = shape = (1, *(int(size) for size in rng.integers(1, 6, 3)))
    kernel = tuple(int(size) for size in rng.integers(1, 5, 2))
    stride = tuple(int(size) for size in rng.integers(1, 4, 2))
    filters, activation = int(rng.integers(1, 6)), (IDENTITY, RELU, RELU6)[rng.integers(3)]
    if rng.integers(2):
        size = tuple((n - 1) * step + taps for n, step, taps in zip((rows, columns), stride, kernel, strict=True))
        padding = (0, 0)
    else:
        size = tuple(n * step for n, step in zip((rows, columns), stride, strict=True))
        padding = same_padding(size, kernel, stride)
    b = GraphBuilder("transposed convolution", Rounding.TFLITE)
    x = b.input("x", shape, DType.INT8, scale(rng))
    weights = rng.integers(-127, 128, (filters, *kernel, channels)).astype(np.int8)
    scales = Quantization.per_channel(10 ** rng.uniform(-3, -1, filters), 0)
    operands = [x, b.constant("w", weights, scales)]
    if rng.integers(2):
        # TensorFlow Lite Micro reads no scale of a bias.
        operands.append(b.constant("b", rng.integers(-9999, 9999, filters).astype(np.int32), Q(1.0)))
    op = TransposeConv2D(size, stride, padding, activation)
    return b.build([b.node(op, operands, quantization=scale(rng))])


MAKERS = {
    "bilinear": lambda rng: resize(rng, "bilinear"),
    "concat": concat,
    "expand": expand,
    "gather": gather,
    "matmul": matmul,
    "mirror_pad": mirror_pad,
    "nearest": lambda rng: resize(rng, "nearest"),
    "pad": pad,
    "slice": slice_,
    "split": split,
    "transpose": transpose,
    "transpose_conv": transpose_conv,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_same_bytes(kind):
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        graph = MAKERS[kind](rng)
        assert differing(graph, rng) == 0, f"seed {seed}: {graph.nodes[0].op}"


@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "align_corners"])
def test_float_images_are_interpolated_to_the_same_bits(coordinates):
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        op = Resize((int(rng.integers(1, 12)), int(rng.integers(1, 12))), "bilinear", coordinates)
        assert differing(alone(op, shape_of(rng, 7), rng, DType.FLOAT32), rng) == 0, f"seed {seed}: {op}"
