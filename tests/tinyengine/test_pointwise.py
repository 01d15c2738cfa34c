"""What the planner and the C text show of pointwise operators, reductions and normalisations of plain numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, Binary, Cast, LayerNorm, Reduce, Select, Softmax, Unary
from tinyml_plugins.tinyengine.broadcasting import broadcast_loops
from tinyml_plugins.tinyengine.generator import TinyEngine

F = np.float32


def _candidates(graph, make_profile):
    return TinyEngine().candidates(graph.nodes[-1], graph, make_profile())


def _operation(op, *tensors):
    """``op`` on inputs of (shape, type), or constants."""
    b = GraphBuilder("g")
    names = [
        b.constant(f"c{i}", each) if isinstance(each, np.ndarray) else b.input(f"x{i}", *each)
        for i, each in enumerate(tensors)
    ]
    return b.build([b.node(op, names, name="odd one")])


@pytest.mark.parametrize(
    ("op", "tensors", "expected"),
    [
        (Add(), [((2, 3), DType.FLOAT32), ((2, 3), DType.FLOAT32)], (0, 1)),
        (Add(), [((2, 3), DType.FLOAT32), ((3,), DType.FLOAT32)], (0,)),
        (Add(), [((2, 1), DType.FLOAT32), ((3,), DType.FLOAT32)], ()),
        (Add(), [((3,), DType.FLOAT32), np.ones(3, F)], (0,)),
        (Binary("less"), [((4,), DType.FLOAT32), ((4,), DType.FLOAT32)], (0, 1)),
        (Select(), [((4,), DType.BOOL), ((4,), DType.FLOAT32), ((1,), DType.FLOAT32)], (1,)),
        (Cast("int64"), [((4,), DType.INT32)], ()),
        (Cast("int32"), [((4,), DType.FLOAT32)], (0,)),
        (Softmax(), [((4, 2), DType.FLOAT32)], (0,)),
        (LayerNorm(-1), [((4, 2), DType.FLOAT32), np.ones(2, F)], (0,)),
        (Reduce("sum", (0,)), [((4, 2), DType.FLOAT32)], ()),
    ],
)
def test_what_may_be_overwritten(op, tensors, expected, make_profile):
    (schedule,) = _candidates(_operation(op, *tensors), make_profile)
    assert schedule.in_place == expected


def test_eight_byte_integers_are_aligned_to_eight(make_network, make_profile):
    graph = _operation(Cast("int64"), ((3,), DType.INT32))
    (schedule,) = _candidates(graph, make_profile)
    assert schedule.alignment == 8
    network = make_network(graph)
    assert network.program.buffer_of("odd one").offset % 8 == 0
    assert network.program.arena_alignment % 8 == 0


def test_constants_lie_in_flash_and_are_counted(make_network, make_profile):
    graph = _operation(Add(), np.array([1.5, -np.inf, 0.1], F), ((2, 3), DType.FLOAT32))
    (schedule,) = _candidates(graph, make_profile)
    assert schedule.flash == 12
    weights = make_network(graph).code.files["net_weights.h"]
    assert re.search(r"static const float \w+\[3\] = \{\s+1\.5f, \(-1\.0f / 0\.0f\), 0\.100000001f\s+\}", weights)


@pytest.mark.parametrize(
    ("output", "shapes", "sizes"),
    [
        ((2, 3, 4), [(2, 3, 4), (2, 3, 4)], [24]),
        ((2, 3, 4), [(2, 3, 4), (4,)], [6, 4]),
        ((2, 3, 4), [(2, 3, 4), (3, 4)], [2, 12]),
        ((2, 3, 4), [(2, 3, 4), ()], [24]),
        ((2, 3, 4), [(2, 1, 1), (3, 4)], [2, 12]),
        ((2, 1, 3, 1), [(3, 1), (2, 1, 3, 1)], [2, 3]),
    ],
)
def test_loops_are_as_few_as_strides_allow(output, shapes, sizes):
    assert [loop.size for loop in broadcast_loops(output, shapes)] == sizes


def test_chain_of_layers_needs_no_more_than_its_widest_moment(make_network):
    b = GraphBuilder("g")
    x = b.input("x", (1, 100), DType.FLOAT32)
    for index, function in enumerate(("exp", "tanh", "sigmoid")):
        x = b.node(Unary(function), [x], name=f"f{index}")
    network = make_network(b.build([x]))
    assert network.program.arena_bytes == 400


@pytest.mark.parametrize(
    ("op", "tensors", "words"),
    [
        (Unary("sqrt"), [((3,), DType.INT64)], ("unary", "'sqrt'", "int64")),
        (Binary("and"), [((3,), DType.INT32), ((3,), DType.INT32)], ("binary", "'and'", "int32")),
        (Binary("multiply"), [((3,), DType.BOOL), ((3,), DType.BOOL)], ("binary", "'multiply'", "bool")),
        (Cast("int8"), [((3,), DType.FLOAT32)], ("cast", "float32", "int8")),
        (LayerNorm(), [((3,), DType.INT32), np.ones(3, np.int32)], ("layer_norm", "int32")),
    ],
)
def test_what_has_no_arithmetic_is_named(op, tensors, words, make_profile):
    with pytest.raises(UnsupportedError) as caught:
        _candidates(_operation(op, *tensors), make_profile)
    for word in (*words, "odd one"):
        assert word in str(caught.value)


def test_plain_integers_with_a_scale_are_refused(make_profile):
    b = GraphBuilder("g")
    scale = Quantization.per_tensor(0.5)
    x = b.input("x", (3,), DType.INT32, scale)
    graph = b.build([b.node(Binary("multiply"), [x, x], name="odd one", quantization=scale)])
    with pytest.raises(UnsupportedError, match=r"odd one.*"):
        _candidates(graph, make_profile)


def test_special_values_come_out_as_the_reference_has_them(make_network, host_library):
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45, 3.4e38, -3.4e38], F)
    networks, inputs = [], {"x0": values}
    for index, function in enumerate(("exp", "log", "sqrt", "sin", "erf", "round", "sigmoid", "tanh", "rsqrt", "abs")):
        networks.append(make_network(_operation(Unary(function), ((8,), DType.FLOAT32)), f"n{index}"))
    for function in ("divide", "maximum", "power", "modulo", "equal", "less"):
        graph = _operation(Binary(function), ((8,), DType.FLOAT32), values[::-1].reshape(8, 1).copy())
        networks.append(make_network(graph, f"n{len(networks)}"))
    networks.append(make_network(_operation(Cast("int32"), ((8,), DType.FLOAT32)), f"n{len(networks)}"))
    library = host_library(networks)
    assert [n.graph.nodes[0].op for n in networks if library.run(n, inputs) != n.expected(inputs)] == []
