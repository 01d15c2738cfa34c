"""Random float networks over moves, joins, layers and functions: every node gets scales that its arithmetic takes."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.lowering import lower
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.graph import DType, Graph, GraphBuilder, Rounding
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import (
    RELU,
    AveragePool2D,
    Binary,
    Clamp,
    Concat,
    Conv2D,
    MaxPool2D,
    Pad,
    Resize,
    Select,
    Slice,
    Split,
    Transpose,
    Unary,
)
from tinyml_core.graph.verify import verify
from tinyml_core.quantization import observe_ranges, quantise_graph, watching

SHAPE = (1, 4, 4, 4)
SAMPLES = np.random.default_rng(0).uniform(-2, 2, (12, *SHAPE[1:])).astype(np.float32)


def random_float_graph(draw, seed: int) -> Graph:
    """Every value has one shape, so that any two can be joined; joins come often, and share operands."""
    rng, count = np.random.default_rng(seed), itertools.count()
    b = GraphBuilder("random")
    values = [b.input("x", SHAPE, DType.FLOAT32)]

    def constant(*shape: int) -> str:
        return b.constant(f"c{next(count)}", rng.normal(0, 0.5, shape).astype(np.float32))

    def node(op, *inputs: str) -> str:
        return b.node(op, list(inputs))

    def joined(x: str, y: str) -> str:
        both = node(Concat(3), x, y)
        return node(Slice((0, 0, 0, 0), SHAPE, (1, 1, 1, 2)), both)

    def halves(x: str, y: str) -> str:
        first, second = b.node_outputs(Split(3, (1, 3)), [x])
        return node(Concat(3), second, first)

    def padded(x: str, y: str) -> str:
        around = ((0, 0), (1, 0), (0, 1), (0, 0))
        return node(MaxPool2D(kernel=(2, 2)), node(Pad(around, value=draw(st.sampled_from([0.0, 9.0]))), x))

    makers = [
        joined,
        lambda x, y: node(Binary(draw(st.sampled_from(["maximum", "minimum"]))), x, y),
        lambda x, y: node(Binary("minimum"), x, constant(4)),
        lambda x, y: node(Select(), node(Binary("less"), x, y), x, constant(1)),
        lambda x, y: node(Conv2D(activation=draw(st.sampled_from([RELU, (-1.0, 1.0)]))), x, constant(4, 1, 1, 4)),
        lambda x, y: node(Binary("multiply"), x, node(Unary("sigmoid"), y)),
        lambda x, y: node(Clamp(RELU), x),
        lambda x, y: node(Transpose((0, 2, 1, 3)), x),
        lambda x, y: node(Resize((4, 4), "bilinear"), node(AveragePool2D(), x)),
        halves,
        padded,
    ]
    for _ in range(draw(st.integers(1, 10))):
        make = draw(st.sampled_from(makers))
        values.append(make(values[-1], draw(st.sampled_from(values))))
    outputs = {values[-1], draw(st.sampled_from(values[1:]))}
    return replace(verify(b.build(sorted(outputs))), rounding=draw(st.sampled_from(Rounding)))


@given(data=st.data(), seed=st.integers(0, 2**32 - 1), method=st.sampled_from(["min-max", "percentile", "mse"]))
@settings(max_examples=120, deadline=None)
def test_every_node_can_be_computed_and_results_are_near(data, seed, method):
    graph = random_float_graph(data.draw, seed)
    integer = verify(quantise_graph(graph, observe_ranges(graph, SAMPLES, watch=watching(method, 99.9))))
    for node in integer.nodes:
        lower(node, integer)
    expected = execute(with_batch(graph, len(SAMPLES)), {"x": SAMPLES})
    x = quantise_array(SAMPLES, integer.tensors["x"])
    got = execute(with_batch(integer, len(SAMPLES)), {"x": x})
    if any(isinstance(node.op, Select) for node in graph.nodes):
        return  # a comparison of almost equals may come out either way
    for name, floats in expected.items():
        difference = np.abs(dequantise_array(got[name], integer.tensors[name]) - floats)
        assert np.median(difference) <= 0.05 * max(np.ptp(floats), 1.0)


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_placeholders_give_the_same_kinds_of_tensors(data, seed):
    graph = random_float_graph(data.draw, seed)
    integer = verify(quantise_graph(graph))
    for node in integer.nodes:
        lower(node, integer)
    for name, tensor in graph.tensors.items():
        dtype = DType.INT8 if tensor.dtype is DType.FLOAT32 else tensor.dtype
        kept = [(each.shape, each.dtype) for each in integer.tensors.values() if each.name == name]
        if tensor.data is None or kept:
            assert kept == [(tensor.shape, dtype)]
