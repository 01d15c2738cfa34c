"""Single operators of training steps, as graphs of awkward shapes: gradients, masks and updates of parameters."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import (
    BiasGradient,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    MaskedScale,
    MaxPoolGradient,
    MergeChannels,
    SaturatingSubtract,
    SaturationMask,
    StochasticRound,
)
from tinyml_core.graph.tensor import Tensor

Q = Quantization.per_tensor
INT8, INT32, FLOAT32 = DType.INT8, DType.INT32, DType.FLOAT32
CONVOLUTIONS = [  # image, output channels, kernel, stride, padding (top, bottom, left, right), dilation
    ((5, 3, 9), 7, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((2, 1, 6), 5, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 2, 3), 4, (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((5, 4, 5), 3, (1, 1), (2, 3), (0, 0, 0, 0), (1, 1)),
    ((6, 5, 3), 6, (3, 3), (2, 2), (1, 1, 1, 1), (1, 1)),
    ((4, 6, 5), 4, (2, 4), (1, 2), (1, 0, 2, 3), (1, 1)),
    ((7, 6, 4), 5, (3, 2), (2, 1), (3, 1, 0, 2), (3, 2)),
]
DEPTHWISE = [  # image, multiplier, and the same
    ((5, 6, 6), 1, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((7, 9, 4), 1, (5, 5), (2, 2), (2, 2, 2, 1), (1, 1)),
    ((6, 7, 3), 2, (2, 4), (1, 1), (1, 0, 3, 0), (1, 1)),
    ((9, 5, 5), 1, (4, 3), (2, 3), (0, 3, 2, 2), (3, 2)),
    ((3, 3, 2), 3, (1, 2), (2, 3), (0, 0, 0, 1), (1, 1)),
]


def _gradient(rng, shape):
    """Magnitudes far apart, so that another order of the sum gives other bits; padding must not meet the infinity."""
    values = (rng.normal(size=shape) * 10.0 ** rng.integers(-2, 3, shape)).astype(np.float32)
    values.flat[0] = np.inf
    return values


def _built(b, op, names):
    written = op.infer([b.tensor(name) for name in names])[0].dtype
    quantization = Q(1.0) if written in (INT8, DType.UINT8) else None
    return b.build([b.node(op, names, quantization=quantization)])


def _output(shape, filters, op, kernel):
    image = Tensor("image", (1, *shape), FLOAT32)
    return (1, *op.output_size(image, kernel), filters)


def _input_gradients(rounding, rng):
    for (image, filters, kernel, *window), multiplier in [
        *(((image, filters, *rest), 0) for image, filters, *rest in CONVOLUTIONS),
        *(((image, image[2] * multiplier, *rest), multiplier) for image, multiplier, *rest in DEPTHWISE),
    ]:
        kind = DepthwiseInputGradient if multiplier else Conv2DInputGradient
        sizes = {"height": image[0], "width": image[1], **({"multiplier": multiplier} if multiplier else {})}
        op = kind(*window, **sizes)
        b = GraphBuilder(f"{op}", rounding)
        gradient = b.input("g", _output(image, filters, op, kernel), FLOAT32)
        shape = (1, *kernel, filters) if multiplier else (filters, *kernel, image[2])
        if filters % 2:
            weights = b.constant("w", rng.integers(-128, 128, shape).astype(np.int8), Q(0.1))
        else:
            weights = b.input("w", shape, INT8, Q(0.1))
        yield _built(b, op, [gradient, weights])


def _weight_gradients(rounding, rng):
    for kind, (image, filters, kernel, *window) in [
        *((Conv2DWeightGradient, row) for row in CONVOLUTIONS),
        *((DepthwiseWeightGradient, (row[0], row[0][2] * row[1], *row[2:])) for row in DEPTHWISE),
    ]:
        op = kind(*window, kernel=kernel)
        b = GraphBuilder(f"{op}", rounding)
        source = b.input("x", (1, *image), INT8, Q(0.1, int(rng.integers(-128, 128))))
        shape = _output(image, filters, op, kernel)
        gradient = b.constant("g", _gradient(rng, shape)) if filters % 2 else b.input("g", shape, FLOAT32)
        yield _built(b, op, [source, gradient])


def _masks(rounding, rng):
    for count, low, high in ((29, -129, 127), (16, -3, 40), (5, 7, 7)):
        b = GraphBuilder(f"mask {count} {low} {high}", rounding)
        yield _built(b, SaturationMask(low, high), [b.input("y", (1, count), INT8, Q(0.1, 3))])
    for shape, factors in (((1, 3, 5, 8), 8), ((1, 3, 3, 5), 5), ((1, 4, 6, 3), 1)):
        b = GraphBuilder(f"masked {shape} {factors}", rounding)
        gradient = b.input("g", shape, FLOAT32)
        mask = b.input("m", (-(-int(np.prod(shape)) // 8),), DType.UINT8, Q(1.0))
        yield _built(b, MaskedScale(), [gradient, mask, b.constant("f", _gradient(rng, (factors,)))])
    for shape in ((1, 3, 5, 7), (1, 3)):
        b = GraphBuilder(f"bias {shape}", rounding)
        yield _built(b, BiasGradient(), [b.input("g", shape, FLOAT32)])


def _max_pools(rounding):
    for dtype in (INT8, FLOAT32):
        op = MaxPoolGradient((1, 2), (1, 0, 1, 2), (2, 1), kernel=(2, 3))
        b = GraphBuilder(f"max pool {dtype.value}", rounding)
        q = Q(0.1) if dtype is INT8 else None
        image = b.constant("x", (np.arange(60).reshape(1, 4, 5, 3) % 7).astype(dtype.numpy), q)
        shape = _output((4, 5, 3), 3, op, (2, 3))
        greatest = b.constant("y", (np.arange(np.prod(shape)).reshape(shape) % 7).astype(dtype.numpy), q)
        yield _built(b, op, [image, greatest, b.input("g", shape, FLOAT32)])


def _updates(rounding, rng):
    for channels, axis in (((1, 2, 4), 3), ((1,), 1)):
        whole = (3, 2, 2, 5)
        b = GraphBuilder(f"merge {channels} {axis}", rounding)
        w = b.constant("w", rng.integers(-128, 128, whole).astype(np.int8), Q(0.1))
        learnt = b.input("l", (*whole[:axis], len(channels), *whole[axis + 1 :]), INT8, Q(0.1))
        yield _built(b, MergeChannels(channels, axis), [w, learnt])
    b = GraphBuilder("round", rounding)
    yield _built(b, StochasticRound(3), [b.input("x", (7, 5), FLOAT32), b.input("seed", (1,), INT32)])
    b = GraphBuilder("round what is special", rounding)
    special = [np.nan, np.inf, -np.inf, 3e9, -3e9, 2.0**30, -0.0, 1e-40, -1e-40, -7.0, 16777217.0, 0.99999994, -1e-7]
    x = b.constant("x", np.array(special, np.float32))
    yield _built(b, StochasticRound(), [x, b.input("seed", (1,), INT32)])
    for dtype in (INT8, INT32):
        b = GraphBuilder(f"subtract {dtype.value}", rounding)
        parameter = b.input("p", (3, 15), dtype, Q(0.1) if dtype is INT8 else None)
        yield _built(b, SaturatingSubtract(), [parameter, b.input("d", (3, 15), INT32)])


def layers(rounding):
    """Every graph."""
    rng = np.random.default_rng(11)
    return [
        *_input_gradients(rounding, rng),
        *_weight_gradients(rounding, rng),
        *_masks(rounding, rng),
        *_max_pools(rounding),
        *_updates(rounding, rng),
    ]
