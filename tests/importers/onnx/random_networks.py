"""Random float networks as ONNX, and their quantised forms as onnxruntime writes them."""

import copy
import logging

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


class Net:
    """Collects ONNX nodes; every method returns the name of the value it makes."""

    def __init__(self, rng, shape, opset=17):
        self.rng, self.opset = rng, opset
        self.nodes, self.constants, self.shape = [], [], shape
        self.image = shape[1:]

    def constant(self, array):
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, inputs, domain="", **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], domain=domain, **attributes))
        return name

    def weights(self, *shape):
        fan = max(1, int(np.prod(shape[1:])))
        return self.constant((self.rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32))

    def conv(self, x, channels, out, kernel=(3, 3), group=1, bias=True, **attributes):
        inputs = [x, self.weights(out, channels // group, *kernel)]
        if bias:
            inputs.append(self.constant(self.rng.standard_normal(out).astype(np.float32) * 0.3))
        return self.node("Conv", inputs, group=group, **attributes)

    def model(self, output, shape, dtype=TensorProto.FLOAT, inputs=None, opsets=()):
        self.nodes[-1].output[0] = "y" if self.nodes[-1].output[0] == output else self.nodes[-1].output[0]
        graph = helper.make_graph(
            self.nodes,
            "random",
            inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *self.shape[1:]])],
            [helper.make_tensor_value_info("y", dtype, shape)],
            self.constants,
        )
        ids = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(name, 1) for name in opsets)]
        return helper.make_model(graph, opset_imports=ids, ir_version=8)


def random_network(seed):
    """A float model with one image input ``x`` and one output ``y``, and samples to calibrate it with."""
    rng = np.random.default_rng(seed)
    channels, size = int(rng.integers(1, 5)), int(rng.integers(7, 13))
    net = Net(rng, (1, channels, size, size), int(rng.integers(13, 20)))
    value = "x"
    for _ in range(int(rng.integers(2, 5))):
        value, channels = _block(net, rng, value, channels)
    head = int(rng.integers(4))
    classes = int(rng.integers(2, 9))
    probe = copy.deepcopy(net).model(value, None)
    _, *spatial = _shape_of(probe)[1:]
    if head == 0:
        value = net.node("Flatten", [net.node("GlobalAveragePool", [value])])
        features = channels
    elif head == 1:
        axes = {"axes": [2, 3]} if net.opset < 18 else {}
        inputs = [value] if axes else [value, net.constant(np.array([2, 3], np.int64))]
        value, features = net.node("ReduceMean", inputs, keepdims=0, **axes), channels
    elif head == 2:
        value = net.node("Reshape", [value, net.constant(np.array([-1, channels * spatial[0] * spatial[1]], np.int64))])
        features = channels * spatial[0] * spatial[1]
    else:
        value, features = net.node("Flatten", [value]), channels * spatial[0] * spatial[1]
    bias = net.constant(rng.standard_normal(classes).astype(np.float32))
    if rng.random() < 0.7:
        value = net.node("Gemm", [value, net.weights(classes, features), bias], transB=1)
    else:
        value = net.node("Add", [net.node("MatMul", [value, net.weights(features, classes)]), bias])
    if rng.random() < 0.4:
        value = net.node("Softmax", [value])
    model = net.model(value, ["N", classes])
    samples = [rng.standard_normal((1, *net.shape[1:])).astype(np.float32) for _ in range(6)]
    return model, samples


def _block(net, rng, value, channels):
    kind = int(rng.integers(6))
    kernel = (int(rng.choice([1, 2, 3, 5])), int(rng.choice([1, 3])))
    if kind in (0, 1):
        out = int(rng.integers(1, 7))
        value = net.conv(value, channels, out, kernel, bias=rng.random() < 0.8, **_padding(rng, kernel))
        return _activation(net, rng, value), out
    if kind == 2:
        out = channels * int(rng.integers(1, 3))
        value = net.conv(value, channels, out, kernel, group=channels, **_padding(rng, kernel))
        return _activation(net, rng, value), out
    if kind == 3:
        branch = net.conv(value, channels, channels, (3, 3), pads=[1, 1, 1, 1])
        return _activation(net, rng, net.node("Add", [value, _activation(net, rng, branch)])), channels
    if kind == 4:
        return net.node(
            "MaxPool", [value], kernel_shape=[2, 2], pads=[0, 1, 1, 0], ceil_mode=int(rng.integers(2))
        ), channels
    pads = [1, 1, 1, 1] if rng.random() < 0.5 else [0, 0, 0, 0]
    return net.node(
        "AveragePool", [value], kernel_shape=[3, 3], pads=pads, count_include_pad=int(any(pads)),
    ), channels  # fmt: skip


def _padding(rng, kernel):
    strides = [int(rng.integers(1, 3)), int(rng.integers(1, 3))]
    if rng.random() < 0.5:
        return {"auto_pad": str(rng.choice(["SAME_UPPER", "SAME_LOWER"])), "strides": strides}
    top, left = kernel[0] // 2, kernel[1] // 2
    return {"pads": [top, left, top, left], "strides": strides}


def _activation(net, rng, value):
    kind = int(rng.integers(3))
    if kind == 0:
        return value
    if kind == 1:
        return net.node("Relu", [value])
    limits = [net.constant(np.float32(bound)) for bound in (0, 1.5)]
    return net.node("Clip", [value, *limits])


def _shape_of(model):
    inferred = onnx.shape_inference.infer_shapes(model)
    return [dim.dim_value for dim in inferred.graph.output[0].type.tensor_type.shape.dim]


class _Samples(CalibrationDataReader):
    def __init__(self, samples):
        self._left = iter(samples)

    def get_next(self):
        sample = next(self._left, None)
        return None if sample is None else {"x": sample}


def quantised(model, samples, path, *, qdq, per_channel, unsigned):
    """Write the quantised form of ``model`` to ``path``."""
    logging.getLogger().setLevel(logging.ERROR)
    quantize_static(
        copy.deepcopy(model),
        str(path),
        _Samples(samples),
        quant_format=QuantFormat.QDQ if qdq else QuantFormat.QOperator,
        per_channel=per_channel,
        activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        weight_type=QuantType.QInt8,
    )
