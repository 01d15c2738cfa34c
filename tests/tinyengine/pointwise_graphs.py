"""Single pointwise operators, reductions and normalisations of plain numbers, of every function, type and broadcast."""

from __future__ import annotations

import itertools

import numpy as np

from tinyml_core.arithmetic.reference.pointwise import BINARY, UNARY
from tinyml_core.arithmetic.reference.reduction import REDUCTIONS
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import (
    IDENTITY,
    Add,
    ArgReduce,
    Binary,
    Cast,
    Clamp,
    L2Norm,
    LayerNorm,
    LogSoftmax,
    Mean,
    Reduce,
    Select,
    Softmax,
    Unary,
)
from tinyml_core.graph.verify import verify

PLAIN = (DType.FLOAT32, DType.INT32, DType.INT64, DType.BOOL)
NUMBERS = PLAIN[:3]
SHAPES = [  # of two operands
    ((7,), (7,)),
    ((), ()),
    ((2, 3, 4), ()),
    ((1,), (3, 5)),
    ((2, 3, 4), (4,)),
    ((2, 3, 4), (3, 1)),
    ((2, 1, 4), (1, 3, 1)),
    ((2, 1, 3, 1, 2), (3, 2, 1)),
    ((1, 3, 1, 4), (1, 3, 1, 1)),
]
AXES = [(0,), (1,), (3,), (1, 2), (2, 1), (0, 2), (1, 3), (0, 1, 2, 3)]


def _constant(rng, shape, dtype):
    if dtype is DType.FLOAT32:
        return np.asarray(rng.choice([-np.inf, np.inf, -0.0, *rng.normal(0, 5, 30)], shape), np.float32)
    least, greatest = (0, 1) if dtype is DType.BOOL else dtype.limits
    small = [0, 1] if dtype is DType.BOOL else [-3, -1, 0, 1, 2, 7]
    return np.asarray(rng.choice([least, greatest, *small], shape), dtype.numpy)


def _graph(name, rounding, ops, *operands):
    """An output for each of ``ops``; operands are (shape, type) for an input, or an array for a constant."""
    b = GraphBuilder(name, rounding)
    handles = [
        b.constant(f"c{index}", each) if isinstance(each, np.ndarray) else b.input(f"x{index}", *each)
        for index, each in enumerate(operands)
    ]
    return verify(b.build([b.node(op, handles) for op in ops]))


def _unary(rounding):
    for dtype in PLAIN:
        ops = [Unary(function, 1.3, 0.45) for function in UNARY[dtype]] + [Cast(target.value) for target in PLAIN]
        if dtype is not DType.BOOL:
            ops += [Clamp(limits) for limits in [(-1.5, 2.5), (0.0, np.inf), (-np.inf, 1e300), (-1e300, 7)]]
        yield _graph(f"functions of {dtype}", rounding, ops, ((2, 1, 7), dtype))


def _binary(rounding, rng):
    for dtype, (left, right) in itertools.product(PLAIN, SHAPES):
        ops = [Binary(function) for function in BINARY[dtype]]
        if dtype is not DType.BOOL:
            ops += [Add(), Add((-3.2, 5.5)), Binary("multiply", (-2.0, np.inf))]
        name = f"{dtype} {left} {right}"
        yield _graph(name, rounding, ops, (left, dtype), (right, dtype))
        yield _graph(f"constant {name}", rounding, ops[::3], _constant(rng, left, dtype), (right, dtype))
        yield _graph(f"{name} constant", rounding, ops[1::3], (left, dtype), _constant(rng, right, dtype))
        operands = ((left, DType.BOOL), (right, dtype), _constant(rng, left, dtype))
        yield _graph(f"select {name}", rounding, [Select()], *operands)


def _reductions(rounding):
    shape = (2, 3, 4, 5)
    turns = itertools.cycle(AXES)
    for dtype, table in REDUCTIONS.items():
        ops = [Reduce(f, axes, len(axes) == 1) for f in table for axes in itertools.islice(turns, 3)]
        yield _graph(f"reductions of {dtype}", rounding, ops, (shape, dtype))
    for dtype in NUMBERS:
        ops = [
            ArgReduce(axis, least, last, keep_axes=axis == 2, dtype="int32" if axis == 1 else "int64")
            for axis, least, last in itertools.product(range(4), (False, True), (False, True))
        ]
        yield _graph(f"places in {dtype}", rounding, ops, (shape, dtype))
    yield _graph("means", rounding, [Mean(axes) for axes in AXES], (shape, DType.FLOAT32))


def _normalisations(rounding, rng):
    for shape in [(5,), (1, 7), (3, 1), (2, 3, 4)]:
        yield _graph(
            f"rows {shape}",
            rounding,
            [Softmax(), Softmax(0.37), LogSoftmax(), L2Norm(), L2Norm(30.0)],
            (shape, DType.FLOAT32),
        )
        for axis in range(-len(shape), len(shape)):
            parameters = [rng.normal(size=shape[axis:]).astype(np.float32) for _ in range(2)]
            for count in (1, 2):
                name = f"layer norm {shape} {axis} {count}"
                yield _graph(name, rounding, [LayerNorm(axis, 1e-3)], (shape, DType.FLOAT32), *parameters[:count])


def _chains(rounding):
    """Layers that write over each other's places."""
    for dtype in (DType.FLOAT32, DType.INT64):
        b = GraphBuilder(f"chain {dtype}", rounding)
        x, y = b.input("x", (4, 6), dtype), b.input("y", (6,), dtype)
        a = b.node(Add((-9.0, 9.0)), [x, y])
        c = b.node(Binary("multiply", IDENTITY), [a, x])
        d = b.node(Unary("abs"), [c])
        e = b.node(Binary("less"), [d, a])
        yield verify(b.build([b.node(Select(), [e, d, y])]))
    b = GraphBuilder("chain of rows", rounding)
    s = b.node(Softmax(), [b.input("x", (3, 9), DType.FLOAT32)])
    yield verify(b.build([b.node(LogSoftmax(), [b.node(Unary("tanh"), [s])])]))


def layers(rounding):
    """All of them; rounding does not matter to them, so one mode has every function and the other the chains alone."""
    rng = np.random.default_rng(3)
    if rounding.value == "single":
        yield from _unary(rounding)
        yield from _binary(rounding, rng)
        yield from _reductions(rounding)
        yield from _normalisations(rounding, rng)
    yield from _chains(rounding)
