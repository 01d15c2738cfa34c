"""From float graphs to integer ones: which tensors get which scales, and what happens at the edges."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tinyml_core.errors import GraphError, InputError
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import (
    RELU,
    RELU6,
    Add,
    AveragePool2D,
    BatchNorm,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Reshape,
    Softmax,
)
from tinyml_core.graph.verify import verify
from tinyml_core.quantization import observe_ranges, quantise_graph, watching
from tinyml_core.quantization.scales import GREATEST_BIAS, activation_quantization, quantised_bias, quantised_weights


def everything() -> Graph:
    """One of every float operator but batch normalisation."""
    rng = np.random.default_rng(0)

    def floats(name: str, *shape: int) -> str:
        return b.constant(name, rng.normal(size=shape).astype(np.float32))

    b = GraphBuilder("everything")
    x = b.input("image", (1, 8, 8, 3), DType.FLOAT32)
    x = b.node(Pad(padding=((0, 0), (1, 1), (1, 1), (0, 0))), [x], name="pad")
    x = b.node(Conv2D(stride=(2, 2), activation=RELU6), [x, floats("w", 4, 3, 3, 3), floats("b", 4)], name="conv")
    y = b.node(DepthwiseConv2D(padding=(1, 1, 1, 1)), [x, floats("v", 1, 3, 3, 4)], name="depthwise")
    x = b.node(Add(activation=RELU), [x, y], name="add")
    x = b.node(Add(), [x, floats("offset", *b.tensor(x).shape)], name="shifted")
    x = b.node(MaxPool2D(), [x], name="max")
    x = b.node(AveragePool2D(kernel=(1, 1)), [x], name="average")
    x = b.node(Clamp(activation=(-1.0, 1.0)), [x], name="clamp")
    y = b.node(Mean(keep_axes=True), [x], name="mean")
    x = b.node(Reshape(shape=(1, 4)), [y], name="flat")
    x = b.node(FullyConnected(), [x, floats("u", 5, 4), floats("c", 5)], name="dense")
    return verify(b.build([b.node(Softmax(), [x], name="softmax")]))


def samples(shape: tuple[int, ...] = (8, 8, 3), count: int = 70) -> np.ndarray:
    return np.random.default_rng(1).normal(0.2, 1, (count, *shape)).astype(np.float32)


def dense(weights: np.ndarray, bias: np.ndarray | None = None) -> Graph:
    b = GraphBuilder("dense")
    x = b.input("x", (1, weights.shape[1]), DType.FLOAT32)
    inputs = [x, b.constant("w", weights.astype(np.float32))]
    inputs += [] if bias is None else [b.constant("b", bias.astype(np.float32))]
    return b.build([b.node(FullyConnected(), inputs, name="y")])


@pytest.mark.parametrize("calibrated", [True, False])
def test_every_tensor_has_the_type_and_scale_its_operator_demands(calibrated):
    graph = everything()
    integer = verify(quantise_graph(graph, observe_ranges(graph, samples()) if calibrated else None))
    tensors = integer.tensors
    assert [node.op for node in integer.nodes] == [node.op for node in graph.nodes]
    assert tensors.keys() == graph.tensors.keys()
    assert all(tensors[name].shape == tensor.shape for name, tensor in graph.tensors.items())
    assert {name for name, tensor in tensors.items() if tensor.dtype is not DType.INT8} == {"b", "c"}
    assert {tensors[name].dtype for name in "bc"} == {DType.INT32}
    for before, after in (("image", "pad"), ("shifted", "max"), ("max", "average"), ("mean", "flat")):
        assert tensors[before].quantization == tensors[after].quantization
    for name in ("conv", "add"):
        assert tensors[name].zero_point == -128
    assert tensors["softmax"].quantization == Quantization.per_tensor(1 / 256, -128)
    assert [tensors[name].quantization.axis for name in "wvu"] == [0, 3, 0]
    np.testing.assert_allclose(
        tensors["b"].quantization.scale,
        np.float32(tensors["pad"].scale) * np.float32(tensors["w"].quantization.scale),
        1e-6,
    )
    for name in "wvu":
        scales = np.float32(tensors[name].quantization.scale)
        shape = [1] * graph.tensors[name].data.ndim
        shape[tensors[name].quantization.axis] = -1
        real = tensors[name].data.astype(np.float32) * scales.reshape(shape)
        assert np.abs(real - graph.tensors[name].data).max() <= scales.max() * 0.5001
        assert np.abs(tensors[name].data.astype(int)).max() == 127


def test_rounding_is_the_graph_s_own_unless_given():
    assert quantise_graph(everything()).rounding is Rounding.SINGLE
    assert quantise_graph(everything(), rounding=Rounding.TFLITE).rounding is Rounding.TFLITE


def test_ranges_hold_every_value_seen_and_percentiles_cut_outliers():
    graph, x = everything(), samples()
    ranges = observe_ranges(graph, x)
    assert ranges["image"] == (x.min(), x.max())
    assert ranges.keys() == {name for name, tensor in graph.tensors.items() if tensor.data is None}
    x[3, 0, 0, 0] = 1e4
    assert observe_ranges(graph, x)["image"][1] == 1e4
    assert 1 < observe_ranges(graph, x, watch=watching("percentile", 99))["image"][1] < 10


def test_drawn_samples_follow_the_seed():
    graph, x = everything(), samples()
    first, again, other = (observe_ranges(graph, x, count=5, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_calibration_options_out_of_range_are_refused():
    for percentile in (50, 101):
        with pytest.raises(InputError, match="percentile"):
            watching("min-max", percentile)
    with pytest.raises(InputError, match="0 samples"):
        observe_ranges(everything(), samples(), count=0)
    with pytest.raises(InputError, match=r"shape \[2, 2, 3\]"):
        observe_ranges(everything(), samples((2, 2, 3)))


@pytest.mark.parametrize(
    ("seen", "scale", "zero_point"),
    [
        ((0.0, 2.55), 0.01, -128),
        ((-2.55, 0.0), 0.01, 127),
        ((-1.28, 1.27), 0.01, 0),
        ((1.0, 2.55), 0.01, -128),
        ((-2.55, -1.0), 0.01, 127),
        ((0.0, 0.0), 1 / 128, -128),
        ((-1e-30, 1e-30), 1 / 128, -128),
        ((0.0, 1e30), 1e30 / 255, -128),
    ],
)
def test_activation_scales_hold_zero_exactly(seen, scale, zero_point):
    quantization = activation_quantization(seen)
    assert quantization.scale[0] == pytest.approx(scale)
    assert quantization.zero_point == (zero_point,)


def test_integers_saturate_and_never_wrap():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scales = np.array([0.5, 0.01], np.float32)
        weights = np.array([[1e6, -1e6, 63.5, -63.5], [1.27, -1.28, 5, -5]], np.float32)
        assert quantised_weights(weights, scales, 0).tolist() == [[127, -127, 127, -127], [127, -127, 127, -127]]
        bias = np.array([1e30, -1e30, 1.0], np.float32)
        assert quantised_bias(bias, np.array([1e-3, 1e-3, 0.25])).tolist() == [2**31 - 1, -(2**31), 4]


def test_dead_and_nearly_dead_channels_get_usable_scales():
    weights = np.array([[1.0, -0.5], [0.0, 0.0], [1e-12, 0.0], [0.0, 1e-9]])
    bias = np.array([0.1, 3.0, -2.0, 0.0])
    graph = dense(weights, bias)
    integer = verify(quantise_graph(graph, observe_ranges(graph, samples((2,)))))
    scales = np.array(integer.tensors["w"].quantization.scale)
    stored = integer.tensors["b"].data
    np.testing.assert_allclose(stored * np.array(integer.tensors["b"].quantization.scale), bias, rtol=1e-6, atol=1e-4)
    assert np.abs(stored.astype(np.int64)).max() <= GREATEST_BIAS * 1.001
    assert scales[1] == scales[0]
    assert integer.tensors["w"].data[3, 1] == 127


@pytest.mark.parametrize("weights", [np.zeros((3, 2)), np.full((3, 2), 1e-30)])
def test_weights_that_are_all_nothing_get_a_scale(weights):
    for bias in (None, np.zeros(3), np.ones(3)):
        graph = dense(weights, bias)
        verify(quantise_graph(graph, observe_ranges(graph, samples((2,)))))


def test_an_untrained_graph_costs_no_memory():
    b = GraphBuilder("untrained")
    x = b.input("x", (1, 4, 4, 512), DType.FLOAT32)
    graph = b.build([b.node(Conv2D(), [x, b.zeros("w", (512, 3, 3, 512)), b.zeros("b", (512,))], name="conv")])
    integer = verify(quantise_graph(graph))
    assert not any(integer.tensors["w"].data.strides)
    assert integer.constant_bytes == 512 * 512 * 9 + 512 * 4


def test_a_constant_with_two_readers_is_copied_only_where_the_integers_differ():
    def shared(gain: float) -> Graph:
        b = GraphBuilder("shared")
        x = b.input("x", (1, 2), DType.FLOAT32)
        y = b.node(FullyConnected(), [x, b.constant("e", np.float32([[gain, 0], [0, gain]]))], name="y")
        pair = [b.constant("w", np.float32([[1, 0], [0, 1]])), b.constant("b", np.float32([0.5, 0.5]))]
        left, right = (b.node(FullyConnected(), [data, *pair], name=f"n{data}") for data in (x, y))
        return b.build([b.node(Add(), [left, right], name="sum")])

    for gain, copies in ((1.0, set()), (7.0, {"b/ny"})):
        graph = shared(gain)
        ranges = observe_ranges(graph, samples((2,)))
        integer = verify(quantise_graph(graph, ranges))
        assert integer.tensors.keys() - graph.tensors.keys() == copies


def test_what_cannot_be_quantised_is_named():
    graph = everything()
    with pytest.raises(GraphError, match="'image': has no range"):
        quantise_graph(graph, {})
    with pytest.raises(GraphError, match="'conv': reaches from nan"):
        quantise_graph(graph, {**observe_ranges(graph, samples()), "conv": (float("nan"), 1.0)})
    with pytest.raises(GraphError, match="'image': is int8; only float graphs"):
        quantise_graph(quantise_graph(graph))
    with pytest.raises(GraphError, match=r"'y' .*no finite numbers"):
        quantise_graph(dense(np.array([[np.inf, 1.0]])))
    b = GraphBuilder("norm")
    x = b.input("x", (1, 2), DType.FLOAT32)
    x = b.node(BatchNorm(), [x, *(b.zeros(role, (2,)) for role in "gbmv")], name="norm")
    with pytest.raises(GraphError, match=r"'norm' \(batch_norm\): .*; run the pass 'fold-batch-norm' first"):
        quantise_graph(b.build([x]))
