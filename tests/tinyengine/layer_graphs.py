"""Single layers of awkward shapes: what the tests of the code generator run besides random graphs."""

from __future__ import annotations

import itertools

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import (
    RELU,
    RELU6,
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reshape,
    Softmax,
)
from tinyml_core.graph.verify import verify

Q = Quantization.per_tensor
WINDOWS = [  # kernel, stride, padding (top, bottom, left, right), dilation
    ((1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 1), (2, 2), (0, 0, 0, 0), (1, 1)),
    ((1, 1), (1, 2), (1, 0, 0, 2), (1, 1)),
    ((2, 2), (1, 1), (0, 1, 1, 0), (1, 1)),
    ((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((3, 3), (2, 2), (0, 1, 0, 1), (1, 1)),
    ((3, 2), (3, 1), (2, 0, 0, 1), (1, 1)),
    ((2, 5), (1, 3), (1, 1, 4, 0), (1, 1)),
    ((3, 3), (1, 1), (2, 2, 2, 2), (2, 2)),
    ((3, 3), (1, 2), (1, 1, 3, 2), (1, 3)),
    ((4, 1), (4, 1), (3, 0, 0, 0), (1, 1)),
    ((5, 5), (1, 1), (4, 4, 4, 4), (1, 1)),
    ((7, 7), (1, 1), (3, 3, 3, 3), (1, 1)),
    ((6, 5), (1, 1), (0, 0, 0, 0), (1, 1)),
]
SIZES = [(6, 5), (7, 8)]


def _weights(b, rng, name, shape, axis):
    """Weights over the whole of int8, scales over five orders of magnitude: shifts in both directions."""
    data = rng.integers(-128, 128, shape).astype(np.int8)
    if rng.random() < 0.3:
        return b.constant(name, data, Q(float(10 ** rng.uniform(-4, 0))))
    return b.constant(name, data, Quantization.per_channel(10 ** rng.uniform(-4, 0, shape[axis]), axis))


def _bias(b, rng, channels):
    reach = int(10 ** rng.uniform(0, 9.3))
    return [b.constant("bias", rng.integers(-reach, reach, channels).astype(np.int32), Q(1.0))]


def _window_layers(rng, rounding):
    for (h, w), (kernel, stride, padding, dilation) in itertools.product(SIZES, WINDOWS):
        activation = (RELU, RELU6, (-1.0, 0.5), (-np.inf, np.inf))[rng.integers(4)]
        window = {"stride": stride, "padding": padding, "dilation": dilation, "activation": activation}
        out = Q(float(10 ** rng.uniform(-1, 2)), int(rng.integers(-128, 128)))
        for kind in (Conv2D, DepthwiseConv2D, AveragePool2D, MaxPool2D):
            b = GraphBuilder(f"{kind.kind} {kernel} {window} on {h}x{w}", rounding)
            channels = int(rng.integers(1, 9))
            same = Q(0.05, int(rng.integers(-128, 128)))
            x = b.input("x", (1, h, w, channels), DType.INT8, same)
            if kind is Conv2D:
                filters = int(rng.integers(1, 8))
                inputs = [x, _weights(b, rng, "w", (filters, *kernel, channels), 0), *_bias(b, rng, filters)]
                y = b.node(kind(**window), inputs, quantization=out)
            elif kind is DepthwiseConv2D:
                filters = channels * int(rng.integers(1, 4))
                inputs = [x, _weights(b, rng, "w", (1, *kernel, filters), 3), *_bias(b, rng, filters)]
                y = b.node(kind(**window), inputs[: int(rng.integers(2, 4))], quantization=out)
            else:
                if max(padding[:2]) >= kernel[0] or max(padding[2:]) >= kernel[1] or dilation != (1, 1):
                    continue
                y = b.node(kind(kernel=kernel, **window), [x], quantization=same)
            yield b.build([y])


def _other_layers(rng, rounding):
    def graph(name, shape, op, quantization=None, *, dtype=DType.INT8, scale=0.03):
        b = GraphBuilder(f"{name} {shape}", rounding)
        zero = int(rng.integers(-128, 128))
        x = b.input("x", shape, dtype, Q(scale, zero) if dtype is DType.INT8 else None)
        same = quantization == "same"
        return b.build([b.node(op, [x], quantization=Q(scale, zero) if same else quantization)])

    for outputs, depth, rows in [(1, 1, 1), (2, 4, 1), (3, 7, 1), (5, 18, 3), (4, 33, 2), (10, 64, 1)]:
        b = GraphBuilder(f"dense {depth}->{outputs}", rounding)
        x = b.input("x", (rows, depth), DType.INT8, Q(0.05, int(rng.integers(-128, 128))))
        inputs = [x, _weights(b, rng, "w", (outputs, depth), 0), *_bias(b, rng, outputs)]
        yield b.build([b.node(FullyConnected(activation=RELU), inputs, quantization=Q(1.0, -3))])
    for scales in [(0.1, 0.1, 0.1), (0.01, 3.0, 0.5), (7.0, 0.002, 0.1), (0.5, 0.25, 4.0)]:
        b = GraphBuilder(f"add {scales}", rounding)
        x, y = (b.input(name, (1, 3, 5), DType.INT8, Q(scale, 7)) for name, scale in zip("xy", scales, strict=False))
        s = b.node(Add(activation=RELU6), [x, y], quantization=Q(scales[2], -100))
        yield b.build([b.node(Add(), [s, x], quantization=Q(scales[2] * 2, 100))])
    b = GraphBuilder("add to a constant", rounding)
    x = b.input("x", (1, 9), DType.INT8, Q(0.1, 7))
    c = b.constant("c", rng.integers(-128, 128, (1, 9)).astype(np.int8), Q(0.2, -3))
    yield b.build([b.node(Add(), [x, c], quantization=Q(0.2, 5))])
    for axes in [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3), (0,)]:
        for keep, scale in [(False, 0.03), (True, 0.001)]:
            yield graph(f"mean {axes}", (1, 5, 4, 6), Mean(axes=axes, keep_axes=keep), Q(scale, -7))
    yield graph("mean that GCC 12 takes for a function without effects", (1, 9, 5, 2), Mean(axes=(3,)), Q(0.05, 64))
    for padding in [((0, 0),) * 4, ((0, 0), (1, 2), (0, 3), (0, 0)), ((0, 0), (0, 0), (0, 0), (2, 1)),
                    ((0, 0), (4, 0), (0, 0), (0, 0))]:  # fmt: skip
        yield graph(f"pad {padding}", (1, 2, 3, 5), Pad(padding=padding), "same")
    for scale in (0.001, 0.03, 2.0):
        yield graph(f"clamp to {scale}", (1, 300), Clamp(activation=RELU6), Q(scale, 11))
        yield graph(f"requantise to {scale}", (2, 300), Quantize(), Q(scale, 11))
        yield graph(f"quantise to {scale}", (2, 300), Quantize(), Q(scale, -11), dtype=DType.FLOAT32)
        yield graph(f"dequantise from {scale}", (1, 300), Dequantize(), scale=scale)
        for length in (1, 2, 10, 1001):
            yield graph(f"softmax {scale}", (3, length), Softmax(beta=1.0), Q(1 / 256, -128), scale=scale)
    yield graph("reshape", (1, 2, 3, 4), Reshape(shape=(4, 6)), "same")


def layers(rounding):
    rng = np.random.default_rng(0)
    return [verify(graph) for source in (_window_layers, _other_layers) for graph in source(rng, rounding)]
