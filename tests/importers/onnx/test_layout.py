"""NCHW outside, NHWC inside: nothing is transposed that need not be, and every order of elements is the source's."""

import numpy as np
import onnx
import pytest

from tests.importers.onnx.oracle import session  # noqa: TID251
from tests.importers.onnx.random_networks import Net, quantised, random_network  # noqa: TID251
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import InputError
from tinyml_core.platform import Platform
from tinyml_plugins.importers.onnx.importer import OnnxImporter


def net(shape=(1, 3, 5, 4), opset=17):
    return Net(np.random.default_rng(5), shape, opset)


def agree(model, graph, shape, seed=0):
    sample = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    (expected,) = session(model).run(["y"], {"x": sample})
    axes = graph.axes.get("x", tuple(range(sample.ndim)))
    got = execute(graph, {"x": np.ascontiguousarray(sample.transpose(axes))})["y"]
    np.testing.assert_allclose(got.transpose(np.argsort(graph.axes.get("y", range(got.ndim)))), expected, atol=1e-5)


def read(model, tmp_path):
    onnx.save(model, tmp_path / "m.onnx")
    return OnnxImporter().read(tmp_path / "m.onnx")


def test_flatten_behind_an_image_moves_the_columns_of_the_dense_layer(tmp_path):
    n = net()
    flat = n.node("Relu", [n.node("Flatten", [n.conv("x", 3, 4, pads=[1, 1, 1, 1])])])
    model = n.model(n.node("Gemm", [flat, n.weights(6, 80)], transB=1), ["N", 6])
    graph = read(model, tmp_path)
    assert [node.op.kind for node in graph.nodes] == ["conv2d", "reshape", "clamp", "fully_connected"]
    agree(model, graph, (1, 3, 5, 4))


def test_addition_of_constants_follows_the_layout(tmp_path):
    n = net()
    image = n.node("Add", [n.constant(np.arange(3, dtype=np.float32).reshape(3, 1, 1)), n.conv("x", 3, 3)])
    flat = n.node("Flatten", [image])
    flat = n.node("Add", [flat, n.constant(np.arange(18, dtype=np.float32))])
    model = n.model(n.node("MatMul", [flat, n.weights(18, 2)]), ["N", 2])
    agree(model, read(model, tmp_path), (1, 3, 5, 4))


def test_an_image_that_comes_nhwc_is_not_transposed(tmp_path):
    n = net((1, 5, 4, 3))
    image = n.node("Transpose", ["x"], perm=[0, 3, 1, 2])
    model = n.model(n.node("Transpose", [n.conv(image, 3, 2)], perm=[0, 2, 3, 1]), ["N", 3, 2, 2])
    graph = read(model, tmp_path)
    assert [node.op.kind for node in graph.nodes] == ["conv2d"]
    assert graph.axes == {}
    agree(model, graph, (1, 5, 4, 3))


def test_padding_and_means_follow_the_layout(tmp_path):
    n = net()
    padded = n.node("Pad", [n.conv("x", 3, 4), n.constant(np.array([0, 0, 1, 0, 0, 0, 2, 3], np.int64))])
    model = n.model(n.node("ReduceMean", [padded], axes=[3], keepdims=0), ["N", 4, 6])
    graph = read(model, tmp_path)
    assert graph.axes == {"x": (0, 2, 3, 1), "y": (0, 2, 1)}
    agree(model, graph, (1, 3, 5, 4))


def test_a_transposition_where_the_order_of_the_source_is_asked_for(tmp_path):
    n = net()
    mixed = n.node("Reshape", [n.conv("x", 3, 4), n.constant(np.array([1, 6, 4], np.int64))])
    graph = read(n.model(mixed, [1, 6, 4]), tmp_path)
    assert [node.op.kind for node in graph.nodes] == ["conv2d", "transpose", "reshape"]
    agree(n.model(mixed, [1, 6, 4]), graph, (1, 3, 5, 4))


def test_a_flattened_image_as_output_has_the_order_of_the_source(tmp_path):
    n = net()
    model = n.model(n.node("Relu", [n.node("Flatten", [n.conv("x", 3, 4)])]), ["N", 24])
    graph = read(model, tmp_path)
    assert [node.op.kind for node in graph.nodes].count("transpose") == 1
    agree(model, graph, (1, 3, 5, 4))


@pytest.mark.parametrize("axis", [1, 2, 3, -1])
def test_softmax_along_any_axis(axis, tmp_path):
    n = net()
    model = n.model(n.node("Softmax", [n.conv("x", 3, 4)], axis=axis), ["N", 4, 3, 2])
    graph = read(model, tmp_path)
    assert [node.op.kind for node in graph.nodes].count("transpose") == (axis != 1)
    agree(model, graph, (1, 3, 5, 4))


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 6), (1, 4, 3, 2)])
def test_batch_normalisation_of_any_rank(shape, tmp_path):
    n = net(shape)
    parameters = [n.constant(np.random.default_rng(i).uniform(0.5, 2, 4).astype(np.float32)) for i in range(4)]
    model = n.model(n.node("BatchNormalization", ["x", *parameters], epsilon=1e-3), ["N", *shape[1:]])
    agree(model, read(model, tmp_path), shape)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_device_speaks_the_files_layout(seed, tmp_path):
    """Compiled and run on the emulated core: NCHW floats in, the file's output back, by the file's names."""
    n = Net(np.random.default_rng(seed), (1, 2, 6, 5), 13)
    value = n.node("Relu", [n.conv("x", 2, 3, pads=[1, 1, 1, 1])])
    model = n.model(n.conv(value, 3, 4, (1, 1)), ["N", 4, 6, 5])
    samples = [np.random.default_rng(i).standard_normal((1, 2, 6, 5)).astype(np.float32) for i in range(4)]
    quantised(model, samples, tmp_path / "q.onnx", qdq=seed == 0, per_channel=True, unsigned=False)
    platform = Platform()
    graph = platform.load(tmp_path / "q.onnx")
    platform.compile(graph, "stm32f746", tmp_path / "out")
    execution = platform.run(tmp_path / "out", {"x": np.concatenate(samples)})
    assert execution.exact
    expected = session(onnx.load(tmp_path / "q.onnx")).run(["y"], {"x": np.concatenate(samples)})[0]
    assert execution.outputs["y"].shape == (4, 4, 6, 5)
    steps = np.abs(execution.outputs["y"] - expected) / graph.tensors["y"].scale
    assert steps.max() < 1.5


def test_inputs_of_the_wrong_layout_are_told_the_files_shape(tmp_path):
    model, samples = random_network(2)
    quantised(model, samples, tmp_path / "q.onnx", qdq=True, per_channel=False, unsigned=False)
    platform = Platform()
    platform.compile(platform.load(tmp_path / "q.onnx"), "stm32f746", tmp_path / "out")
    channels, size = samples[0].shape[1:3]
    with pytest.raises(InputError, match=rf"\[samples, {channels}, {size}, {size}\]"):
        platform.run(tmp_path / "out", {"x": np.zeros((1, size, size + 1, channels), np.float32)})
