"""Convolutions in groups: the same bits as a dense one with zeros between the groups, and onnxruntime's."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.importers.onnx.oracle import session  # noqa: TID251
from tinyml_core import Platform
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.operators import Concat, Conv2D, Split


def model_of(weights, scale, bias, group, *, quantised, rank):
    """A convolution with a Relu behind it, its weights int8 with one scale or one per filter."""
    sizes = {"strides": [1, 2][:rank] if rank == 2 else [2], "pads": [1] * 2 * rank}
    constants = {"w": weights, "ws": np.float32(scale), "wz": np.zeros_like(scale, np.int8), "b": bias}
    constants |= {"xs": np.float32(0.03), "xz": np.int8(-4), "ys": np.float32(0.4), "yz": np.int8(-90)}
    nodes = [helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["real"], axis=0)]
    if quantised:
        nodes.append(helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["image"]))
    nodes.append(helper.make_node("Conv", ["image" if quantised else "x", "real", "b"], ["c"], group=group, **sizes))
    nodes.append(helper.make_node("Relu", ["c"], ["r" if quantised else "y"]))
    if quantised:
        nodes.append(helper.make_node("QuantizeLinear", ["r", "ys", "yz"], ["y"]))
    kind = TensorProto.INT8 if quantised else TensorProto.FLOAT
    image = helper.make_tensor_value_info("x", kind, [1, 12, 9, 8][: 2 + rank])
    used = {name for node in nodes for name in node.input}
    initialisers = [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items() if n in used]
    graph = helper.make_graph(nodes, "groups", [image], [helper.make_tensor_value_info("y", kind, None)], initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def computed(model, sample, tmp_path):
    onnx.save(model, tmp_path / "m.onnx")
    graph = Platform().load(tmp_path / "m.onnx")
    feed = np.ascontiguousarray(sample.transpose(graph.axes.get("x", range(sample.ndim))))
    got = execute(graph, {"x": feed})["y"]
    return graph, got.transpose(np.argsort(graph.axes.get("y", range(got.ndim))))


def test_groups_without_number_are_refused(tmp_path):
    weights = numpy_helper.from_array(np.zeros((4096, 2, 1, 1), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=4096)
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8192, 1, 1])
    graph = helper.make_graph(
        [node], "groups", [image], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [weights]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    with pytest.raises(UnsupportedError, match="has 4096 groups; up to 1024 are known"):
        Platform().load(tmp_path / "m.onnx")


@pytest.mark.parametrize("quantised", [True, False], ids=["int8", "float32"])
@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize(("group", "rank"), [(2, 2), (3, 2), (6, 2), (4, 1)])
def test_groups(group, rank, per_channel, quantised, tmp_path):
    rng = np.random.default_rng(group)
    depth, filters = 12 // group, 24 // group
    weights = rng.integers(-127, 128, (24, depth, *(3, 2)[:rank])).astype(np.int8)
    scale = rng.uniform(0.002, 0.01, 24 if per_channel else ()).astype(np.float32)
    bias = rng.standard_normal(24).astype(np.float32)
    dense = np.zeros((24, 12, *weights.shape[2:]), np.int8)
    for index in range(group):
        chosen = slice(index * filters, (index + 1) * filters)
        dense[chosen, index * depth : (index + 1) * depth] = weights[chosen]
    shape = (1, 12, 9, 8)[: 2 + rank]
    sample = rng.standard_normal(shape).astype(np.float32)
    if quantised:
        sample = rng.integers(-128, 128, shape).astype(np.int8)
    model = model_of(weights, scale, bias, group, quantised=quantised, rank=rank)
    graph, got = computed(model, sample, tmp_path)
    assert [type(node.op) for node in graph.nodes if isinstance(node.op, Split | Conv2D | Concat)] == [
        Split, *[Conv2D] * group, Concat,
    ]  # fmt: skip
    _, whole = computed(model_of(dense, scale, bias, 1, quantised=quantised, rank=rank), sample, tmp_path)
    (expected,) = session(model).run(["y"], {"x": sample})
    np.testing.assert_array_equal(got, whole)
    if quantised:
        off = np.abs(got.astype(int) - expected.astype(int))
        assert off.max() <= 1
        assert np.count_nonzero(off) <= 0.01 * off.size
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
