"""Forms that other exporters write: PyTorch's PT2E, raw integers at the ports, uint8, odd but legal spellings."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.importers.onnx.oracle import Agreement, all_values, compare_layers, session  # noqa: TID251
from tests.importers.onnx.random_networks import Net  # noqa: TID251
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType
from tinyml_core.graph.operators import Clamp, Conv2D, Dequantize, FullyConnected, Mean, Quantize, Reshape
from tinyml_core.platform import Platform
from tinyml_plugins.importers.onnx.importer import OnnxImporter


class Quantised(Net):
    """Writes QuantizeLinear and DequantizeLinear in the spelling of a test."""

    def parameters(self, scale, point, dtype=np.int8):
        return [self.constant(np.float32(scale)), self.constant(np.asarray(point, dtype))]

    def q(self, value, scale, point, dtype=np.int8, **attributes):
        return self.node("QuantizeLinear", [value, *self.parameters(scale, point, dtype)], **attributes)

    def dq(self, value, scale, point, dtype=np.int8, **attributes):
        return self.node("DequantizeLinear", [value, *self.parameters(scale, point, dtype)], **attributes)

    def qdq(self, value, scale, point=0, dtype=np.int8, **attributes):
        return self.dq(self.q(value, scale, point, dtype), scale, point, dtype, **attributes)

    def integer_weights(self, *shape, axis=0):
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        scale = self.rng.uniform(0.002, 0.01, shape[axis]).astype(np.float32)
        return self.dq(self.constant(data), scale, np.zeros(shape[axis]), axis=axis)

    def floats(self, *shape):
        return self.constant(self.rng.standard_normal(shape).astype(np.float32))


def read(model, tmp_path):
    onnx.checker.check_model(model)
    onnx.save(model, tmp_path / "m.onnx")
    return OnnxImporter().read(tmp_path / "m.onnx")


def pt2e(second_scale, opset=21):
    net = Quantised(np.random.default_rng(3), (1, 3, 8, 8), opset)
    x = net.qdq("x", 0.02, -3, axis=1)
    conv = net.node("Conv", [x, net.integer_weights(6, 3, 3, 3), net.floats(6)], pads=[1, 1, 1, 1], group=1)
    conv = net.qdq(conv, 0.05, -10, axis=1)
    clip = net.node("Clip", [conv, net.constant(np.float32(0)), net.constant(np.float32(6))])
    clip = net.qdq(clip, second_scale, -10, axis=1)
    depthwise = net.node("Conv", [clip, net.integer_weights(6, 1, 3, 3), net.floats(6)], group=6, strides=[2, 2])
    depthwise = net.qdq(net.node("Relu", [depthwise]), 0.04, -128)
    axes = net.constant(np.array([-1, -2], np.int64))
    mean = net.qdq(net.node("ReduceMean", [depthwise, axes], keepdims=1, noop_with_empty_axes=0), 0.01, -128)
    flat = net.node("Reshape", [mean, net.constant(np.array([1, 6], np.int64))], allowzero=1)
    weights = net.node("Transpose", [net.integer_weights(4, 6)], perm=[1, 0])
    y = net.qdq(net.node("Gemm", [flat, weights, net.floats(4)]), 0.03, 5)
    return net.model(y, ["N", 4])


@pytest.mark.parametrize("second_scale", [0.05, 0.03])
def test_pt2e(second_scale, tmp_path):
    model = pt2e(second_scale)
    graph = read(model, tmp_path)
    assert [type(node.op) for node in graph.nodes][:2] == [Conv2D, Clamp]
    assert all(graph.tensors[name].dtype is DType.INT8 for node in graph.nodes for name in node.inputs[:1])
    agreement = Agreement()
    for seed in range(5):
        sample = np.random.default_rng(seed).standard_normal((1, 3, 8, 8)).astype(np.float32)
        compare_layers(graph, all_values(model, {"x": sample}), agreement)
    assert agreement.layers == 5 * 5
    assert agreement.differing.total() <= 5


def test_pt2e_clip_is_fused_where_both_scales_agree(tmp_path):
    from tinyml_core.pipeline.passes import apply_passes

    fused = apply_passes(read(pt2e(0.05), tmp_path), Platform())
    assert not any(isinstance(node.op, Clamp) for node in fused.nodes)
    kept = apply_passes(read(pt2e(0.03), tmp_path), Platform())
    assert any(isinstance(node.op, Clamp) for node in kept.nodes)


def test_uint8_at_the_ports_stays_uint8(tmp_path):
    net = Quantised(np.random.default_rng(0), (1, 2, 5, 5), 13)
    x = net.dq("x", 0.02, 120, np.uint8)
    y = net.q(net.node("Conv", [x, net.integer_weights(3, 2, 3, 3)]), 0.05, 90, np.uint8)
    ports = [helper.make_tensor_value_info("x", TensorProto.UINT8, ["N", 2, 5, 5])]
    model = net.model(y, ["N", 3, 3, 3], TensorProto.UINT8, ports)
    graph = read(model, tmp_path)
    assert graph.axes == {"x": (0, 2, 3, 1), "y": (0, 2, 3, 1)}
    assert [type(node.op) for node in graph.nodes] == [Quantize, Conv2D, Quantize]
    sample = np.random.default_rng(1).integers(0, 256, (1, 2, 5, 5)).astype(np.uint8)
    (expected,) = session(model).run(["y"], {"x": sample})
    got = execute(graph, {"x": np.ascontiguousarray(sample.transpose(0, 2, 3, 1))})["y"]
    assert got.dtype == np.uint8
    assert np.abs(got.transpose(0, 3, 1, 2).astype(int) - expected).max() <= 1


def test_what_is_not_quantised_computes_in_float(tmp_path):
    """As the file says: a softmax behind the last DequantizeLinear, its result not quantised."""
    net = Quantised(np.random.default_rng(0), (1, 6), 13)
    dense = net.node("MatMul", [net.qdq("x", 0.02, 3), net.integer_weights(6, 4, axis=1)])
    model = net.model(net.node("Softmax", [net.qdq(dense, 0.04, 0)]), ["N", 4])
    graph = read(model, tmp_path)
    assert [type(node.op).__name__ for node in graph.nodes] == ["FullyConnected", "Dequantize", "Softmax"]
    sample = np.random.default_rng(1).standard_normal((1, 6)).astype(np.float32)
    compare_layers(graph, all_values(model, {"x": sample}), Agreement())


def test_weights_that_are_float_make_a_float_layer(tmp_path):
    net = Quantised(np.random.default_rng(0), (1, 6), 13)
    model = net.model(net.qdq(net.node("MatMul", [net.qdq("x", 0.02, 3), net.floats(6, 4)]), 0.04), ["N", 4])
    kinds = [type(node.op) for node in read(model, tmp_path).nodes]
    assert kinds == [Dequantize, FullyConnected, Quantize]


def test_a_reshape_to_an_image_of_one_channel_is_free(tmp_path):
    """Keyword spotting: [1, 490] becomes [1, 1, 49, 10]; nothing moves."""
    net = Quantised(np.random.default_rng(0), (1, 490), 13)
    image = net.node("Reshape", ["x", net.constant(np.array([-1, 1, 49, 10], np.int64))])
    conv = net.node("Conv", [image, net.weights(2, 1, 3, 3)])
    graph = read(net.model(conv, ["N", 2, 47, 8]), tmp_path)
    assert [type(node.op) for node in graph.nodes] == [Reshape, Conv2D]
    assert graph.nodes[0].op.shape == (1, 49, 10, 1)


def test_shapes_computed_by_the_exporter(tmp_path):
    """view(x.size(0), -1) as older PyTorch exports it."""
    net = Quantised(np.random.default_rng(0), (1, 2, 4, 4), 13)
    pooled = net.node("GlobalAveragePool", ["x"])
    size = net.node("Gather", [net.node("Shape", [pooled]), net.constant(np.int64(0))], axis=0)
    shape = [
        net.node("Unsqueeze", [size, net.constant(np.array([0], np.int64))]),
        net.constant(np.array([-1], np.int64)),
    ]
    flat = net.node("Reshape", [pooled, net.node("Concat", shape, axis=0)])
    graph = read(net.model(net.node("Gemm", [flat, net.weights(2, 3)]), ["N", 3]), tmp_path)
    assert [type(node.op) for node in graph.nodes] == [Mean, Reshape, FullyConnected]


def test_switched_off_channels_keep_their_value(tmp_path):
    """A bias at the end of int32 with a tiny scale, as in the seed's networks: nothing wraps around."""
    net = Quantised(np.random.default_rng(0), (1, 2, 4, 4), 13)
    data = net.rng.integers(-127, 128, (2, 2, 1, 1)).astype(np.int8)
    scale = np.array([3.9e-9, 3.9e-9], np.float32)
    weights = net.dq(net.constant(data), scale, np.zeros(2), axis=0)
    bias = net.constant(np.array([2**31 - 1, -(2**31)], np.int32))
    bias = net.dq(bias, (np.float32(0.02) * scale).astype(np.float32), np.zeros(2), np.int32, axis=0)
    conv = net.node("Conv", [net.qdq("x", 0.02, 0), weights, bias])
    model = net.model(net.qdq(conv, 0.02, 0), ["N", 2, 4, 4])
    sample = np.full((1, 2, 4, 4), 2.5, np.float32) * np.sign(data[0].reshape(1, 2, 1, 1))
    graph = read(model, tmp_path)
    compare_layers(graph, all_values(model, {"x": sample}), agreement := Agreement())
    assert agreement.differing.total() == 0


def test_asymmetric_weights_are_refused_by_name(tmp_path):
    net = Quantised(np.random.default_rng(0), (1, 4), 13)
    weights = net.dq(net.constant(net.rng.integers(0, 256, (4, 3)).astype(np.uint8)), 0.01, 3, np.uint8)
    model = net.model(net.qdq(net.node("MatMul", [net.qdq("x", 0.02, 3), weights]), 0.04), ["N", 3])
    with pytest.raises(UnsupportedError, match="symmetric"):
        read(model, tmp_path)
