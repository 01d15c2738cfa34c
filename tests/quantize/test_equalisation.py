"""Cross-layer equalisation: weights are balanced, the float function keeps every bit, and int8 is nearer to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.graph import DType, Graph, GraphBuilder
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Add,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Reshape,
    Unary,
)
from tinyml_core.graph.verify import verify
from tinyml_core.quantization import equalised
from tinyml_plugins.quantize.post_training import PostTraining


def unbalanced(seed: int, activation=RELU, *, between=None, multiplier: int = 1) -> Graph:
    """Convolution, depthwise convolution, pooling and a dense layer whose channels differ by a factor of thousands."""
    rng = np.random.default_rng(seed)

    def constant(name: str, shape: tuple[int, ...], axis: int | None = None) -> str:
        data = rng.normal(size=shape)
        if axis is not None:
            spread = np.ones(len(shape), int)
            spread[axis] = -1
            data *= (2.0 ** rng.uniform(-6, 6, shape[axis])).reshape(spread)
        return b.constant(name, data.astype(np.float32))

    b = GraphBuilder("unbalanced")
    x = b.input("x", (1, 6, 6, 3), DType.FLOAT32)
    wide = 4 * multiplier
    x = b.node(Conv2D(activation=activation), [x, constant("w", (4, 3, 3, 3), 0), constant("b", (4,))], name="conv")
    if between is not None:
        x = b.node(between, [x], name="between")
    operands = [x, constant("v", (1, 2, 2, wide), 3), constant("c", (wide,))]
    x = b.node(DepthwiseConv2D(activation=activation), operands, name="depthwise")
    x = b.node(Reshape((1, wide)), [b.node(Mean(keep_axes=True), [x])])
    return verify(b.build([b.node(FullyConnected(), [x, constant("u", (5, wide)), constant("d", (5,))], name="y")]))


def results(graph: Graph, x: np.ndarray) -> np.ndarray:
    (name,) = graph.outputs
    source, result = graph.tensors["x"], graph.tensors[name]
    real = source.quantization is None
    y = execute(with_batch(graph, len(x)), {"x": x if real else quantise_array(x, source)})[name]
    return y if real else dequantise_array(y, result)


def samples(seed: int, count: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 6, 6, 3)).astype(np.float32)


@given(
    seed=st.integers(0, 2**32 - 1),
    activation=st.sampled_from([IDENTITY, RELU, RELU6]),
    between=st.sampled_from([None, MaxPool2D(), Clamp(RELU), Clamp(RELU6), Unary("sigmoid")]),
    multiplier=st.sampled_from([1, 3]),
)
@settings(max_examples=60, deadline=None)
def test_the_float_function_keeps_every_bit(seed, activation, between, multiplier):
    graph = unbalanced(seed, activation, between=between, multiplier=multiplier)
    balanced = verify(equalised(graph))
    x = samples(seed, 5)
    assert results(graph, x).tobytes() == results(balanced, x).tobytes()


def test_ranges_behind_and_before_a_channel_become_alike():
    graph = unbalanced(1)
    tensors = equalised(graph).tensors
    written = np.abs(tensors["w"].data).max(axis=(1, 2, 3))
    read = np.abs(tensors["v"].data).max(axis=(0, 1, 2))
    assert (np.abs(np.log2(written / read)) <= 1).all()  # half a power of two, twice
    before = np.abs(graph.tensors["w"].data).max(axis=(1, 2, 3)) / np.abs(graph.tensors["v"].data).max(axis=(0, 1, 2))
    assert np.ptp(np.log2(before)) > 4


def test_relu6_and_shared_constants_and_further_readers_are_left_alone():
    graph = unbalanced(1, RELU6)
    assert all(np.array_equal(equalised(graph).tensors[name].data, graph.tensors[name].data) for name in "wvubcd")
    rng = np.random.default_rng(0)
    b = GraphBuilder("shared")
    x = b.input("x", (1, 6, 6, 3), DType.FLOAT32)
    weights = b.constant("w", (rng.normal(size=(3, 1, 1, 3)) * [[[[1.0]]], [[[64.0]]], [[[512.0]]]]).astype(np.float32))
    y = b.node(Conv2D(), [b.node(Conv2D(), [x, weights]), weights])
    other = b.constant("o", (rng.normal(size=(3, 1, 1, 3)) * [1.0, 64.0, 512.0]).astype(np.float32))
    z = b.node(Conv2D(), [y, other], name="z")
    z = b.node(Add(), [z, b.node(Conv2D(), [z, b.constant("p", other_of(b, other))])])
    graph = verify(b.build([z]))
    balanced = equalised(graph)
    assert all(
        np.array_equal(balanced.tensors[name].data, tensor.data)
        for name, tensor in graph.tensors.items()
        if tensor.data is not None
    )


def other_of(b: GraphBuilder, name: str) -> np.ndarray:
    return np.ascontiguousarray(b.tensor(name).data[::-1])


def test_dead_and_infinite_channels_stay_as_they_are():
    graph = unbalanced(2)
    weights = graph.tensors["w"].data
    weights[0], weights[1, 0, 0, 0] = 0, np.inf
    before = weights.copy()
    after = equalised(graph).tensors["w"].data
    assert np.array_equal(after[:2], before[:2])
    assert not np.array_equal(after[2:], before[2:])


@pytest.mark.parametrize("seed", range(3))
def test_int8_comes_nearer_to_the_floats(seed):
    graph, x = unbalanced(seed), samples(seed)
    split = Split(x, np.zeros(len(x), np.int64))
    data = Dataset("random", ("one",), split, split, split)
    expected = results(graph, x)
    plain, balanced = (
        np.mean((results(PostTraining(equalise=equalise).quantize(graph, data, 0), x) - expected) ** 2)
        for equalise in (False, True)
    )
    assert balanced < plain
