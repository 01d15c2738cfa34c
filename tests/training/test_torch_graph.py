"""TorchGraph computes what the reference executor computes, and gives its parameters back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError
from tinyml_core.graph import DType, Graph, GraphBuilder, Quantization
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import (
    IDENTITY,
    RELU,
    RELU6,
    Add,
    AveragePool2D,
    BatchNorm,
    Binary,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Reshape,
    Softmax,
    Unary,
)
from tinyml_core.graph.verify import verify
from tinyml_plugins.training.torch_graph import TorchGraph
from tinyml_plugins.training.torch_operators import BINARY, UNARY

PADDINGS = [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 0, 1), (1, 0, 2, 1), (0, 2, 1, 1)]


def both(graph: Graph, samples: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The output by the reference executor and by torch."""
    shape = graph.tensors[graph.inputs[0]].shape
    x = np.random.default_rng(7).normal(size=(samples, *shape[1:])).astype(np.float32)
    expected = execute(with_batch(graph, samples), {graph.inputs[0]: x})[graph.outputs[0]]
    with torch.inference_mode():
        return expected, TorchGraph(graph).eval()(torch.from_numpy(x)).numpy()


def agree(graph: Graph) -> None:
    expected, actual = both(verify(graph))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def image(shape: tuple[int, ...] = (1, 7, 6, 4)) -> tuple[GraphBuilder, str, np.random.Generator]:
    b = GraphBuilder("g")
    return b, b.input("x", shape, DType.FLOAT32), np.random.default_rng(1)


def floats(b: GraphBuilder, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> str:
    return b.constant(name, (rng.normal(size=shape) / 3).astype(np.float32))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("stride", "dilation"), [((1, 1), (1, 1)), ((2, 2), (1, 1)), ((2, 1), (1, 2))])
@pytest.mark.parametrize("activation", [IDENTITY, RELU6])
def test_convolutions(padding, stride, dilation, activation):
    geometry = {"padding": padding, "stride": stride, "dilation": dilation, "activation": activation}
    for kernel in ((3, 3), (2, 3)):
        b, x, rng = image()
        agree(b.build([b.node(Conv2D(**geometry), [x, floats(b, "w", (5, *kernel, 4), rng)])]))
        b, x, rng = image()
        inputs = [x, floats(b, "w", (1, *kernel, 8), rng), floats(b, "bias", (8,), rng)]
        agree(b.build([b.node(DepthwiseConv2D(**geometry), inputs)]))


@pytest.mark.parametrize("stride", [1, 2])
def test_pointwise_convolution(stride):
    b, x, rng = image()
    inputs = [x, floats(b, "w", (5, 1, 1, 4), rng), floats(b, "bias", (5,), rng)]
    agree(b.build([b.node(Conv2D(stride=(stride, stride), activation=RELU), inputs)]))


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 1, 0)])
@pytest.mark.parametrize("op", [AveragePool2D, MaxPool2D])
def test_poolings(op, padding):
    for kernel, stride in (((2, 2), (2, 2)), ((3, 2), (1, 2))):
        b, x, _ = image()
        agree(b.build([b.node(op(kernel=kernel, stride=stride, padding=padding), [x])]))


@pytest.mark.parametrize("function", sorted(UNARY))
def test_functions_of_one_operand(function):
    b, x, _ = image()
    agree(b.build([b.node(Unary(function=function, alpha=0.2, beta=0.5), [x])]))


@pytest.mark.parametrize("function", sorted(BINARY))
def test_functions_of_two_operands(function):
    b, x, rng = image()
    gate = floats(b, "gate", (1, 1, 1, 4), rng)
    agree(b.build([b.node(Binary(function=function, activation=RELU), [x, gate])]))


def test_batch_norm_pad_clamp_add_and_softmax():
    b, x, rng = image()
    parameters = [floats(b, role, (4,), rng) for role in ("gamma", "beta", "mean")]
    variance = b.constant("variance", rng.uniform(0.1, 2, 4).astype(np.float32))
    y = b.node(BatchNorm(epsilon=1e-3, activation=RELU), [x, *parameters, variance])
    y = b.node(Add(activation=(-0.5, 1.5)), [y, x])
    y = b.node(Clamp(activation=(-0.25, 1.25)), [y])
    y = b.node(Pad(padding=((0, 0), (1, 0), (0, 2), (0, 1))), [y])
    agree(b.build([b.node(Softmax(beta=0.5), [y])]))


@pytest.mark.parametrize("keep_axes", [False, True])
@pytest.mark.parametrize("axes", [(1, 2), (1,), (3,)])
def test_mean_and_reshape_keep_the_order_of_the_graph(axes, keep_axes):
    b, x, rng = image()
    y = b.node(Mean(axes=axes, keep_axes=keep_axes), [x])
    elements = b.tensor(y).elements
    y = b.node(Reshape(shape=(1, elements)), [y])
    agree(b.build([b.node(FullyConnected(), [y, floats(b, "w", (3, elements), rng)])]))
    b, x, rng = image()
    y = b.node(Reshape(shape=(1, 3, 14, 4)), [b.node(Conv2D(), [x, floats(b, "w", (4, 1, 1, 4), rng)])])
    agree(b.build([b.node(Conv2D(), [y, floats(b, "v", (2, 3, 2, 4), rng)])]))


def test_a_whole_trained_network(trained):
    agree(trained.graph)


def test_export_gives_back_every_byte(trained):
    exported = TorchGraph(trained.graph).export()
    assert exported.nodes == trained.graph.nodes
    for name, tensor in trained.graph.tensors.items():
        if tensor.data is not None:
            assert exported.tensors[name].data.tobytes() == tensor.data.tobytes()


def test_an_exported_graph_does_not_change_with_the_module(trained):
    module = TorchGraph(trained.graph)
    exported = module.export()
    before = exported.tensors["dense_w"].data.copy()
    with torch.no_grad():
        module.constants["dense_w"].add_(1.0)
    np.testing.assert_array_equal(exported.tensors["dense_w"].data, before)


def test_an_untrained_graph_is_initialised_by_the_seed(untrained):
    first, again, other = (TorchGraph(untrained, seed=seed).export().tensors for seed in (1, 1, 2))
    assert first["project1_w"].data.tobytes() == again["project1_w"].data.tobytes()
    assert first["project1_w"].data.tobytes() != other["project1_w"].data.tobytes()
    assert np.std(first["project1_w"].data) == pytest.approx(np.sqrt(2 / 48), rel=0.1)
    assert np.std(first["depthwise1_w"].data) == pytest.approx(np.sqrt(2 / 9), rel=0.15)
    assert (first["stem_gamma"].data == 1).all()
    assert (first["stem_variance"].data == 1).all()
    assert not first["stem_mean"].data.any()


def test_making_a_module_leaves_the_global_generator_alone(untrained):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    TorchGraph(untrained, seed=9)
    assert torch.rand(1) == expected


def test_what_cannot_be_trained_is_named():
    b = GraphBuilder("integer")
    x = b.input("x", (1, 4), DType.INT8, Quantization.per_tensor(1.0))
    integer = b.build([b.node(Clamp(), [x], name="limit", quantization=Quantization.per_tensor(1.0))])
    with pytest.raises(GraphError, match=r"'limit' .*only float operators"):
        TorchGraph(integer)
    b = GraphBuilder("across samples")
    x = b.input("x", (1, 4), DType.FLOAT32)
    with pytest.raises(GraphError, match=r"'mix' .*leading axis"):
        TorchGraph(b.build([b.node(Mean(axes=(0,)), [x], name="mix")]))
    b = GraphBuilder("two")
    x, y = b.input("x", (1, 4), DType.FLOAT32), b.input("y", (1, 4), DType.FLOAT32)
    with pytest.raises(GraphError, match="one input and one output"):
        TorchGraph(b.build([b.node(Add(), [x, y])]))
