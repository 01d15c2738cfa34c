"""Single int8 layers: functions of one and of two operands, choices, reductions and normalisations."""

from __future__ import annotations

import numpy as np

from tinyml_core.arithmetic.lowering import lower
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import (
    RELU6,
    Add,
    ArgReduce,
    Binary,
    L2Norm,
    LogSoftmax,
    Reduce,
    Select,
    Unary,
)
from tinyml_core.graph.operators.pointwise import COMPARISONS, UNARY
from tinyml_core.graph.verify import verify

Q = Quantization.per_tensor
SHAPES = [  # of two operands
    ((1, 300), (1, 300)),
    ((1, 3, 4, 5), (1,)),
    ((1, 3, 4, 5), (5,)),
    ((4, 1), (1, 3, 4, 5)),
    ((1, 3, 1, 5), (1, 1, 4, 5)),
]
SCALES = [(0.1, 0.1, 0.1), (0.01, 0.9, 0.5), (0.7, 0.002, 0.1), (0.5, 0.25, 0.004)]


def _unary(rng, rounding):
    for function in UNARY:
        if function == "not":
            continue
        output = {"sigmoid": Q(1 / 256, -128), "tanh": Q(1 / 128)}.get(function, Q(0.07, int(rng.integers(-128, 128))))
        b = GraphBuilder(function, rounding)
        x = b.input("x", (1, 300), DType.INT8, Q(0.05, int(rng.integers(-128, 128))))
        yield b.build([b.node(Unary(function, alpha=1.0, beta=0.5), [x], quantization=output)])


def _operands(b, rng, shapes, scales, constant):
    x = b.input("x", shapes[0], DType.INT8, Q(scales[0], int(rng.integers(-128, 128))))
    other = Q(scales[1], int(rng.integers(-128, 128)))
    if constant:
        return [x, b.constant("c", rng.integers(-128, 128, shapes[1]).astype(np.int8), other)]
    return [x, b.input("y", shapes[1], DType.INT8, other)]


def _binary(rng, rounding):
    for index, (shapes, scales) in enumerate((shapes, scales) for shapes in SHAPES for scales in SCALES):
        output = Q(scales[2], int(rng.integers(-128, 128)))
        for op in (
            Add(),
            Binary("subtract", RELU6),
            Binary("multiply"),
            Binary("divide", RELU6),
            Binary("divide"),
            Binary("squared_difference", RELU6),
            Binary("prelu"),
        ):
            b = GraphBuilder(f"{op} {shapes} {scales}", rounding)
            yield b.build([b.node(op, _operands(b, rng, shapes, scales, index % 2), quantization=output)])
        function = COMPARISONS[index % len(COMPARISONS)]
        b = GraphBuilder(f"{function} {shapes} {scales}", rounding)
        x, y = _operands(b, rng, shapes, scales, index % 2)
        condition = b.node(Binary(function), [x, y])
        z = b.input("z", shapes[0], DType.INT8, b.tensor(x).quantization)
        same = b.tensor(x).quantization
        yield b.build([condition, b.node(Select(), [condition, x, z], quantization=same)])
        for function in ("maximum", "minimum"):
            b = GraphBuilder(f"{function} {shapes}", rounding)
            x = b.input("x", shapes[0], DType.INT8, same)
            y = b.input("y", shapes[1], DType.INT8, same)
            yield b.build([b.node(Binary(function, RELU6), [x, y], quantization=same)])


def _rows(rng, rounding):
    def graph(name, shape, op, quantization, scale=0.03):
        b = GraphBuilder(f"{name} {shape}", rounding)
        x = b.input("x", shape, DType.INT8, Q(scale, int(rng.integers(-128, 128))))
        return b.build([b.node(op, [x], quantization=quantization or b.tensor(x).quantization)])

    for axes in [(1,), (3,), (1, 2), (1, 3), (1, 2, 3)]:
        yield graph(f"sum {axes}", (1, 5, 4, 6), Reduce("sum", axes), Q(0.5, -7))
        for function in ("max", "min"):
            yield graph(f"{function} {axes}", (1, 5, 4, 6), Reduce(function, axes, keep_axes=True), None)
    for axis in range(1, 4):
        for least, last, dtype in [(False, False, "int32"), (True, True, "int64"), (True, False, "int64")]:
            b = GraphBuilder(f"position along {axis}", rounding)
            x = b.input("x", (1, 5, 40, 3), DType.INT8, Q(0.1, 3))
            yield b.build([b.node(ArgReduce(axis, least, last, dtype=dtype), [x])])
    for shape in [(3, 1), (4, 2), (1, 2, 3, 17), (2, 1001)]:
        yield graph("l2 norm", shape, L2Norm(), Q(1 / 128))
        for scale in (1e-6, 0.003, 0.1, 3.0):
            yield graph(f"log softmax {scale}", shape, LogSoftmax(), Q(1 / 16, 127), scale)


def layers(rounding):
    rng = np.random.default_rng(0)
    graphs = [verify(graph) for source in (_unary, _binary, _rows) for graph in source(rng, rounding)]
    return [graph for graph in graphs if _defined(graph)]


def _defined(graph):
    try:
        for node in graph.nodes:
            lower(node, graph)
    except UnsupportedError:
        return False
    return True
