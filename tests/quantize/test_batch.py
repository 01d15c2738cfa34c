"""Several samples at once give what each gives alone."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import (
    Add,
    Concat,
    Expand,
    Gather,
    MatMul,
    Mean,
    Pad,
    Reshape,
    Slice,
    Softmax,
    Split,
    Transpose,
)
from tinyml_core.graph.verify import verify


def test_samples_do_not_mix():
    b = GraphBuilder("g")
    x = b.input("x", (1, 3, 4, 2), DType.FLOAT32)
    y = b.node(Pad(padding=((0, 0), (1, 0), (0, 0), (0, 0))), [x])
    offset = b.constant("offset", np.arange(32, dtype=np.float32).reshape(1, 4, 4, 2) / 9)
    y = b.node(Mean(axes=(1,)), [b.node(Add(), [y, offset])])
    graph = b.build([b.node(Softmax(), [b.node(Reshape(shape=(1, 8)), [y])], name="y")])
    many = verify(with_batch(graph, 5))
    samples = np.random.default_rng(0).normal(size=(5, 3, 4, 2)).astype(np.float32)
    together = execute(many, {"x": samples})["y"]
    assert together.shape == (5, 8)
    for sample, expected in zip(samples, together, strict=True):
        np.testing.assert_array_equal(execute(graph, {"x": sample[np.newaxis]})["y"][0], expected)


def test_samples_do_not_mix_where_elements_are_arranged():
    b = GraphBuilder("g")
    x = b.input("x", (1, 3, 4), DType.FLOAT32)
    turned = b.node(Transpose((0, 2, 1)), [x])
    product = b.node(MatMul(), [x, turned])
    joined = b.node(Concat(2), [product, b.constant("c", np.ones((1, 3, 2), np.float32))])
    left, right = b.node_outputs(Split(2, (3, 2)), [joined], name="s")
    rows = b.node(Gather(1), [left, b.constant("at", np.array([2, 0]))])
    part = b.node(Expand((1, 6, 1)), [b.node(Slice((0, 0, 1), (1, 1, 1), (1, 1, 1)), [right])])
    graph = verify(b.build([rows, part]))
    samples = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    together = execute(verify(with_batch(graph, 5)), {"x": samples})
    for index, sample in enumerate(samples):
        alone = execute(graph, {"x": sample[np.newaxis]})
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], together[name][index])


@pytest.mark.parametrize(
    "op", [Transpose((1, 0)), Slice((0, 0), (1, 6), (1, 1)), Gather(0), Split(0, (1,)), Concat(0)], ids=str
)
def test_an_arrangement_along_the_leading_axis_is_named_or_right(op):
    b = GraphBuilder("g")
    x = b.input("x", (1, 6), DType.FLOAT32)
    operands = [x, b.constant("at", np.array([0]))] if isinstance(op, Gather) else [x]
    graph = b.build([b.node(op, operands, name="mix")])
    if isinstance(op, Slice):
        assert with_batch(graph, 6).tensors["mix"].shape == (6, 6)
    else:
        with pytest.raises(GraphError, match="'mix'"):
            with_batch(graph, 6)


@pytest.mark.parametrize(
    "op", [Mean(axes=(0,)), Pad(padding=((1, 0), (0, 0))), Reshape(shape=(2, 3)), Reshape(shape=(6,))], ids=str
)
def test_a_node_that_mixes_samples_is_named(op):
    b = GraphBuilder("g")
    graph = b.build([b.node(op, [b.input("x", (1, 6), DType.FLOAT32)], name="mix")])
    with pytest.raises(GraphError, match="'mix'"):
        with_batch(graph, 4)


def test_an_input_without_a_leading_one_is_named():
    b = GraphBuilder("g")
    graph = b.build([b.node(Softmax(), [b.input("x", (6,), DType.FLOAT32)])])
    with pytest.raises(GraphError, match=r"'x': has shape \[6\]"):
        with_batch(graph, 4)
