"""Operators between DequantizeLinear and QuantizeLinear: what the graph computes against onnxruntime."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.importers.onnx.oracle import session  # noqa: TID251
from tinyml_core import Platform
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType
from tinyml_core.graph.operators import Binary, Concat, Unary

CASES = {
    "Add": ({}, 2), "Concat": ({"axis": 1}, 2), "Div": ({}, 2), "Elu": ({}, 1), "Gelu": ({}, 1), "HardSigmoid": ({}, 1),
    "HardSwish": ({}, 1), "LeakyRelu": ({"alpha": 0.2}, 1), "Max": ({}, 3), "Min": ({}, 2), "Mul": ({}, 2),
    "Neg": ({}, 1), "Sigmoid": ({}, 1), "Softplus": ({}, 1), "Sub": ({}, 2), "Sum": ({}, 3), "Tanh": ({}, 1),
}  # fmt: skip
FLOAT = {"Sum"}
"""Operators without an integer form, which compute in float32."""


def quantised(op_type, attributes, count, *, constant=False):
    """Operands in scales of their own, the last one maybe a constant, and a result in another."""
    scales, points = [0.031, 0.047, 0.02], [3, -7, 11]
    floats = {f"s{i}": scales[i] for i in range(count)} | {"so": 0.06}
    constants = [helper.make_tensor(name, TensorProto.FLOAT, (), [value]) for name, value in floats.items()]
    integers = {f"z{i}": points[i] for i in range(count)} | {"zo": 5}
    constants += [helper.make_tensor(name, TensorProto.INT8, (), [value]) for name, value in integers.items()]
    inputs, nodes = [], []
    for i in range(count):
        if constant and i == count - 1:
            data = np.arange(40, 60, dtype=np.int8).reshape(4, 5)
            constants.append(onnx.numpy_helper.from_array(data, f"q{i}"))
        else:
            inputs.append(helper.make_tensor_value_info(f"q{i}", TensorProto.INT8, [1, 3, 4, 5]))
        nodes.append(helper.make_node("DequantizeLinear", [f"q{i}", f"s{i}", f"z{i}"], [f"x{i}"]))
    nodes.append(helper.make_node(op_type, [f"x{i}" for i in range(count)], ["real"], **attributes))
    nodes.append(helper.make_node("QuantizeLinear", ["real", "so", "zo"], ["y"]))
    output = helper.make_tensor_value_info("y", TensorProto.INT8, None)
    graph = helper.make_graph(nodes, "operator", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=8)


@pytest.mark.parametrize(
    ("op_type", "constant"),
    [(name, False) for name in CASES]
    + [(name, True) for name, (_, count) in CASES.items() if count > 1 and name != "Concat"],
)
def test_as_onnxruntime(op_type, constant, tmp_path):
    attributes, count = CASES[op_type]
    model = quantised(op_type, attributes, count, constant=constant)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    graph = Platform().load(path)
    kinds = {type(node.op) for node in graph.nodes}
    assert (DType.FLOAT32 in {tensor.dtype for tensor in graph.tensors.values()}) == (op_type in FLOAT), kinds
    rng = np.random.default_rng(len(op_type))
    feed = {value.name: rng.integers(-128, 128, (1, 3, 4, 5), np.int8) for value in model.graph.input}
    (expected,) = session(model).run(["y"], feed)
    device = {name: feed[name].transpose(graph.axes.get(name, (0, 1, 2, 3))) for name in graph.inputs}
    got = execute(graph, device)["y"].transpose(np.argsort(graph.axes.get("y", (0, 1, 2, 3))))
    assert got.shape == expected.shape
    off = np.abs(got.astype(int) - expected.astype(int))
    assert off.max() <= 1, (kinds & {Binary, Concat, Unary}, off.max())
    assert np.count_nonzero(off) <= 0.1 * off.size


def test_a_clamp_behind_an_operator_that_cannot_take_it(tmp_path):
    """Concat has no clamp of its own: the network computes it in float32 and is right."""
    model = quantised("Concat", {"axis": 1}, 2)
    model.graph.node[2].output[0] = "joined"
    model.graph.node.insert(3, helper.make_node("Relu", ["joined"], ["real"]))
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    graph = Platform().load(path)
    rng = np.random.default_rng(0)
    feed = {f"q{i}": rng.integers(-128, 128, (1, 3, 4, 5), np.int8) for i in range(2)}
    (expected,) = session(model).run(["y"], feed)
    got = execute(graph, {name: array.transpose(graph.axes.get(name, (0, 1, 2, 3))) for name, array in feed.items()})
    array = got["y"].transpose(np.argsort(graph.axes.get("y", (0, 1, 2, 3))))
    assert np.abs(array.astype(int) - expected.astype(int)).max() <= 1
    assert array.min() == 5
