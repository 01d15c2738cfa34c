"""onnxruntime as the oracle, and the comparison of every layer with it on the same integers."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
import onnxruntime

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, Graph
from tinyml_core.graph.operators import Dequantize, Quantize, Reshape, Softmax

NEAR_A_TIE = 0.01
"""How far from a tie float32 sums may leave a result that is one, in steps of the output."""


def session(model):
    """An onnxruntime session on one thread that computes what the file says, without any optimisation."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    data = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def all_values(model, feed):
    """Every value that onnxruntime computes, by name."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    known = {value.name for value in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name and name not in known)
    names = [value.name for value in model.graph.output]
    return {**feed, **dict(zip(names, session(model).run(names, feed), strict=True))}


@dataclass
class Agreement:
    """Elements compared, those that differ, and the worst difference end to end."""

    layers: int = 0
    elements: int = 0
    differing: Counter[str] = field(default_factory=Counter)
    spread: int = 0


def compare_layers(graph: Graph, values, agreement: Agreement) -> None:
    """Give each node onnxruntime's integers and compare with onnxruntime's result."""
    device = {name: on_device(graph.tensors[name], values[name]) for name in graph.inputs}
    device.update((name, tensor.data) for name, tensor in graph.tensors.items() if tensor.data is not None)
    for node in graph.nodes:
        (name,) = node.outputs
        single = replace(graph, nodes=(node,), inputs=tuple(_variables(graph, node)), outputs=(name,), axes={})
        got = execute(single, {each: device[each] for each in single.inputs})[name]
        tensor = graph.tensors[name]
        flattened = isinstance(node.op, Quantize) and isinstance(graph.producers.get(node.inputs[0], node).op, Reshape)
        if isinstance(node.op, Reshape) or flattened or name not in values:
            assert flattened or isinstance(node.op, Reshape | Dequantize), node
            device[name] = got  # in the device's order, which onnxruntime does not have
            continue
        expected = on_device(tensor, values[name])
        device[name] = expected
        agreement.layers += 1
        agreement.elements += expected.size
        if tensor.dtype is DType.FLOAT32:
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
            continue
        difference = np.abs(got.astype(int) - expected.astype(int))
        agreement.differing[node.op.kind] += int(np.count_nonzero(difference))
        assert difference.max() <= 1, (node, difference.max())
        if not isinstance(node.op, Softmax):  # the integer softmax is within one, anywhere
            ideal = _real_result(single, node, device) / tensor.scale
            off = np.abs(ideal - np.floor(ideal) - 0.5)[difference > 0]
            assert (off < NEAR_A_TIE).all(), (node, off.max())


def on_device(tensor, array):
    """An array of the source as the device holds it: NHWC, int8."""
    if array.ndim == 4:
        array = array.transpose(0, 2, 3, 1)
    assert array.shape == tensor.shape, (tensor.name, array.shape)
    if tensor.quantization is not None and array.dtype.kind == "f":
        low, high = tensor.dtype.limits
        return np.clip(np.rint(array / np.float32(tensor.scale)) + tensor.zero_point, low, high).astype(
            tensor.dtype.numpy
        )
    return (array.astype(int) - 128).astype(np.int8) if array.dtype != tensor.dtype.numpy else array


def _variables(graph, node):
    return dict.fromkeys(name for name in node.inputs if graph.tensors[name].data is None)


def _real_result(single, node, device):
    """What the node would compute on the real numbers."""
    tensors, feed = dict(single.tensors), {}
    for name in (*node.inputs, *node.outputs):
        tensor = single.tensors[name]
        real = device[name].astype(np.float64)
        if tensor.quantization is not None:
            scale, point = (
                np.array(each, np.float64) for each in (tensor.quantization.scale, tensor.quantization.zero_point)
            )
            if tensor.quantization.axis is not None:
                shape = [1] * real.ndim
                shape[tensor.quantization.axis] = -1
                scale, point = scale.reshape(shape), point.reshape(shape)
            real = scale * (real - point)
        data = None if tensor.data is None else real.astype(np.float32)
        tensors[name] = replace(tensor, dtype=DType.FLOAT32, quantization=None, data=data)
        feed[name] = real.astype(np.float32)
    if isinstance(node.op, Quantize):
        return feed[node.inputs[0]]
    real_graph = replace(single, tensors=tensors)
    return execute(real_graph, {name: feed[name] for name in single.inputs})[node.outputs[0]]
