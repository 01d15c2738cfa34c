"""Single float32 layers, products and transposed convolutions: more of what the tests of the code generator run."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MatMul,
    MaxPool2D,
    TransposeConv2D,
)
from tinyml_core.graph.verify import verify

Q = Quantization.per_tensor
WINDOWS = [  # kernel, stride, padding (top, bottom, left, right), dilation
    ((1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),
    ((3, 2), (2, 1), (2, 0, 0, 1), (1, 1)),
    ((2, 3), (1, 3), (1, 1, 2, 0), (1, 1)),
    ((3, 3), (1, 2), (1, 1, 3, 2), (1, 3)),
    ((4, 4), (2, 2), (0, 0, 0, 0), (1, 1)),
]
ACTIVATIONS = (IDENTITY, RELU, RELU6, (-1.0, 0.5))


def _real(rng, shape):
    """Magnitudes far apart, so that another order of the sum gives other bits."""
    return (rng.normal(size=shape) * 10.0 ** rng.integers(-2, 3, shape)).astype(np.float32)


def _windows(rounding, rng):
    for number, (kernel, stride, padding, dilation) in enumerate(WINDOWS):
        window = {"stride": stride, "padding": padding, "dilation": dilation, "activation": ACTIVATIONS[number % 4]}
        for samples, kind in [(2, Conv2D), (1, DepthwiseConv2D), (3, AveragePool2D), (2, MaxPool2D)]:
            b = GraphBuilder(f"float {kind.kind} {kernel} {window}", rounding)
            x = b.input("x", (samples, 6, 7, 3), DType.FLOAT32)
            if kind in (Conv2D, DepthwiseConv2D):
                shape = (4, *kernel, 3) if kind is Conv2D else (1, *kernel, 3 * (1 + number % 2))
                filters = shape[0] if kind is Conv2D else shape[3]
                operands = [b.constant("w", _real(rng, shape)), b.constant("b", _real(rng, (filters,)))]
                yield b.build([b.node(kind(**window), [x, *operands[: 1 + (number > 1)]])])
            elif dilation == (1, 1) and max(padding[:2]) < kernel[0] and max(padding[2:]) < kernel[1]:
                yield b.build([b.node(kind(kernel=kernel, **window), [x])])
    b = GraphBuilder("float convolution whose weights are computed", rounding)
    x, w, bias = (b.input(*each, DType.FLOAT32) for each in [("x", (1, 4, 4, 2)), ("w", (3, 2, 2, 2)), ("b", (3,))])
    yield b.build([b.node(Conv2D(), [x, w, bias])])


def _other_floats(rounding, rng):
    for rows, depth, outputs, activation in [(1, 1, 1, RELU), (3, 37, 5, RELU6), (2, 8, 10, IDENTITY)]:
        b = GraphBuilder(f"float dense {depth}->{outputs}", rounding)
        x = b.input("x", (rows, depth), DType.FLOAT32)
        w, bias = b.constant("w", _real(rng, (outputs, depth))), b.constant("b", _real(rng, (outputs,)))
        yield b.build([b.node(FullyConnected(activation=activation), [x, w, bias][: 2 + rows % 2])])
    b = GraphBuilder("batch normalisation whose parameters are computed", rounding)
    x = b.input("x", (2, 3, 5), DType.FLOAT32)
    parameters = [b.input(name, (5,), DType.FLOAT32) for name in ("gamma", "beta", "mean")]
    variance = b.constant("variance", np.abs(_real(rng, 5)))
    yield b.build([b.node(BatchNorm(activation=RELU6), [x, *parameters, variance])])
    b = GraphBuilder("batch normalisation", rounding)
    x = b.input("x", (2, 3, 5), DType.FLOAT32)
    parameters = [b.constant(name, _real(rng, 5)) for name in ("gamma", "beta", "mean")]
    variance = b.constant("variance", np.abs(_real(rng, 5)))
    yield b.build([b.node(BatchNorm(activation=RELU), [x, *parameters, variance])])


MATRICES = [  # left, right, transposed left, transposed right
    ((3, 4), (4, 5), False, False),
    ((4, 3), (5, 4), True, True),
    ((1, 7), (7, 1), False, False),
    ((2, 3, 4), (4, 2), False, False),
    ((2, 3, 4), (2, 4, 2), False, False),
    ((2, 1, 3, 4), (3, 2, 4), False, True),
    ((5, 2), (2, 1, 5, 3), True, False),
]
TRANSPOSED = [  # kernel, stride, padding, size
    ((3, 3), (1, 1), (0, 0), (6, 5)),
    ((3, 3), (2, 2), (1, 1), (7, 5)),
    ((2, 2), (2, 2), (0, 0), (8, 6)),
    ((4, 3), (2, 3), (1, 0), (9, 12)),
    ((1, 2), (3, 2), (0, 1), (10, 4)),
    ((5, 5), (1, 2), (2, 2), (4, 7)),
]


def _products(rounding, rng):
    for number, (left, right, transpose_left, transpose_right) in enumerate(MATRICES):
        op = MatMul(transpose_left, transpose_right, ACTIVATIONS[number % 4])
        for dtype, constant in [(DType.FLOAT32, False), (DType.INT8, False), (DType.INT8, True), (DType.FLOAT32, True)]:
            b = GraphBuilder(f"matmul {left} {right} {dtype} {'constant' if constant else ''}", rounding)
            quantised = dtype is DType.INT8
            scales = [Q(0.05, int(rng.integers(-128, 128))) if quantised else None for _ in range(2)]
            x = b.input("x", left, dtype, scales[0])
            values = rng.integers(-128, 128, right).astype(np.int8) if quantised else _real(rng, right)
            y = b.constant("y", values, scales[1]) if constant else b.input("y", right, dtype, scales[1])
            yield b.build(
                [b.node(op, [x, y], quantization=Q((0.001, 0.03, 0.5)[number % 3], 9) if quantised else None)]
            )


def _transposed(rounding, rng):
    for number, (kernel, stride, padding, size) in enumerate(TRANSPOSED):
        op = TransposeConv2D(size=size, stride=stride, padding=padding, activation=ACTIVATIONS[number % 4])
        for dtype in (DType.FLOAT32, DType.INT8):
            b = GraphBuilder(f"{op} {kernel} {dtype}", rounding)
            shape = (3, *kernel, 2)
            if dtype is DType.FLOAT32:
                x = b.input("x", (2, 4, 3, 2), dtype)
                operands = [b.constant("w", _real(rng, shape)), b.constant("b", _real(rng, 3))]
                out = None
            else:
                x = b.input("x", (2, 4, 3, 2), dtype, Q(0.05, int(rng.integers(-128, 128))))
                scales = Quantization.per_channel(10 ** rng.uniform(-3, 0, 3), 0) if number % 2 else Q(0.02)
                weights = rng.integers(-127, 128, shape).astype(np.int8)
                bias = rng.integers(-(10**4), 10**4, 3).astype(np.int32)
                operands = [b.constant("w", weights, scales), b.constant("b", bias, Q(1.0))]
                out = Q(float(10 ** rng.uniform(-1, 1)), int(rng.integers(-128, 128)))
            yield b.build([b.node(op, [x, *operands[: 1 + (number != 2)]], quantization=out)])


def layers(rounding):
    rng = np.random.default_rng(2)
    families = (_windows, _other_floats, _products, _transposed)
    return [verify(graph) for family in families for graph in family(rounding, rng)]
