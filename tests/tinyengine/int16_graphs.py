"""Single int16x8 layers, and short networks of them."""

from __future__ import annotations

import itertools

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, AveragePool2D, Binary, Clamp, Quantize, Reduce, Softmax, Unary
from tinyml_core.graph.verify import verify
from tinyml_core.testing.random_int16 import MAKERS, random_int16_graph

Q = Quantization.per_tensor
UNIT, EVERYDAY = Q(1 / 32768), Q(1e-3)
NARROW = (DType.INT8, DType.UINT8, DType.INT16)


def _alone(name, op, quantization, rounding, *, shape=(1, 300), dtype=DType.INT16, source=EVERYDAY):
    b = GraphBuilder(name, rounding)
    return b.build([b.node(op, [b.input("x", shape, dtype, source)], quantization=quantization)])


def _random(rng, rounding):
    for seed, kind in enumerate(sorted(MAKERS) * 6):
        yield random_int16_graph(
            np.random.default_rng(seed), rounding, nodes=1 + seed // len(MAKERS), kinds=(kind,), crossings=seed % 5 == 4
        )


def _edges(rng, rounding):
    for source, target in itertools.permutations(NARROW, 2):
        if DType.INT16 in (source, target):
            one = Q(0.02, 0 if source is DType.INT16 else 100)
            for scale in (1e-4, 0.02, 3.0):
                other = Q(scale, 0 if target is DType.INT16 else 100)
                yield _alone(f"{source} to {target}", Quantize(target.value), other, rounding, dtype=source, source=one)
    for scale in (2.0**-12, 2.0**-11, 2.6, 1e-7):
        for function in ("sigmoid", "tanh"):
            yield _alone(f"{function} {scale}", Unary(function), UNIT, rounding, source=Q(scale))
    for length in (1, 2, 1001):
        for scale in (1e-6, 1e-3, 0.5):
            yield _alone(f"softmax {scale}", Softmax(2.0), UNIT, rounding, shape=(3, length), source=Q(scale))
    for ratio in (1e-6, 0.3, 1.0, 30000.0):
        yield _alone(f"clamp by {ratio}", Clamp((-1.0, 2.0)), Q(1e-3 / ratio), rounding)
        yield _alone(f"slope by {ratio}", Unary("leaky_relu", alpha=-0.3), Q(1e-3 / ratio), rounding)
        yield _alone(f"absolute by {ratio}", Unary("abs"), Q(1e-3 / ratio), rounding)
        if ratio < 2.0**14:
            for op in (Add(), Binary("subtract"), Binary("multiply")):
                b = GraphBuilder(f"{op} by {ratio}", rounding)
                operands = [b.input(name, (1, 300), DType.INT16, Q(scale)) for name, scale in (("x", 1e-3), ("y", 0.9))]
                yield b.build([b.node(op, operands, quantization=Q(0.9 / min(ratio, 100.0)))])
    for kernel in ((15, 17), (16, 16)):  # one tap more than a reciprocal is exact for
        for padding in ((0, 0, 0, 0), (3, 1, 2, 0)):
            op = AveragePool2D(kernel=kernel, padding=padding)
            yield _alone(f"average {op}", op, Q(1e-3), rounding, shape=(1, 18, 19, 2))
    yield _alone("sum", Reduce("sum", (1, 2)), Q(0.3), rounding, shape=(1, 200, 300, 1))


def layers(rounding):
    rng = np.random.default_rng(0)
    return [verify(graph) for source in (_random, _edges) for graph in source(rng, rounding)]
