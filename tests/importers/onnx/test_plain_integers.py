"""int8 and uint8 that stand for themselves, and networks whose scales are computed as they run, against onnxruntime."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from tests.importers.onnx.oracle import session  # noqa: TID251
from tests.importers.onnx.random_networks import random_network  # noqa: TID251
from tinyml_core import Platform
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import UnsupportedError

KINDS = {
    np.int8: TensorProto.INT8,
    np.uint8: TensorProto.UINT8,
    np.int16: TensorProto.INT16,
    np.float32: TensorProto.FLOAT,
}


def model_of(nodes, inputs, output, constants=(), opset=21):
    ports = [
        helper.make_tensor_value_info(name, KINDS[array.dtype.type], array.shape) for name, array in inputs.items()
    ]
    initialisers = [numpy_helper.from_array(array, name) for name, array in constants]
    graph = helper.make_graph(
        nodes, "integers", ports, [helper.make_tensor_value_info("y", output, None)], initialisers
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def both(model, feed, tmp_path):
    """What the graph computes, and what onnxruntime does."""
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    graph = Platform().load(tmp_path / "m.onnx")
    device = {
        name: np.ascontiguousarray(feed[name].transpose(graph.axes.get(name, range(feed[name].ndim))))
        for name in graph.inputs
    }
    got = execute(graph, device)["y"]
    (expected,) = session(model).run(["y"], feed)
    return got.transpose(np.argsort(graph.axes.get("y", range(got.ndim)))), expected


def integers(rng, shape, dtype):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


@pytest.mark.parametrize("weight_type", [np.int8, np.uint8])
@pytest.mark.parametrize(
    ("left", "right", "points"),
    [((3, 40), (40, 5), ((), ())), ((2, 600), (600, 3), ((), (3,))), ((1, 2, 7), (7, 4), ((1,), None))],
    ids=["matrix", "more than float32 adds up at once", "rank 3"],
)
def test_matmul_integer(left, right, points, weight_type, tmp_path):
    rng = np.random.default_rng(sum(left))
    feed = {"a": integers(rng, left, np.uint8)}
    constants = [("b", integers(rng, right, weight_type)), ("az", integers(rng, points[0], np.uint8))]
    if points[1] is not None:
        constants.append(("bz", integers(rng, points[1], weight_type)))
    names = ["a", "b", "az", *(["bz"] if points[1] is not None else [])]
    model = model_of([helper.make_node("MatMulInteger", names, ["y"])], feed, TensorProto.INT32, constants)
    got, expected = both(model, feed, tmp_path)
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == np.int32


def test_matmul_integer_of_two_inputs(tmp_path):
    rng = np.random.default_rng(0)
    feed = {"a": integers(rng, (2, 300), np.uint8), "b": integers(rng, (300, 3), np.uint8)}
    model = model_of([helper.make_node("MatMulInteger", ["a", "b"], ["y"])], feed, TensorProto.INT32)
    np.testing.assert_array_equal(*both(model, feed, tmp_path))


@pytest.mark.parametrize(
    ("channels", "kernel", "attributes"),
    [
        (3, (3, 3), {"pads": [1, 1, 1, 1]}),
        (90, (3, 2), {"strides": [2, 1]}),
        (4, (3, 3), {"group": 4}),
        (4, (3, 3), {"group": 2, "auto_pad": "SAME_UPPER"}),
    ],
    ids=["padded", "more than float32 adds up at once", "depthwise", "two groups"],
)
def test_convolution_integer(channels, kernel, attributes, tmp_path):
    rng = np.random.default_rng(channels)
    feed = {"x": integers(rng, (1, channels, 7, 6), np.uint8)}
    weights = integers(rng, (4, channels // attributes.get("group", 1), *kernel), np.uint8)
    constants = [("w", weights), ("xz", np.uint8(77)), ("wz", np.uint8(130))]
    node = helper.make_node("ConvInteger", ["x", "w", "xz", "wz"], ["y"], **attributes)
    np.testing.assert_array_equal(*both(model_of([node], feed, TensorProto.INT32, constants), feed, tmp_path))


@pytest.mark.parametrize("spread", [(-3, 5), (1, 4), (-4, -1), (0, 0)])
@pytest.mark.parametrize("output", range(3))
def test_dynamic_quantize_linear(spread, output, tmp_path):
    rng = np.random.default_rng(output)
    feed = {"x": rng.uniform(*spread, (1, 3, 5, 4)).astype(np.float32)}
    names = ["q", "scale", "point"]
    names[output] = "y"
    kind = TensorProto.FLOAT if output == 1 else TensorProto.UINT8
    model = model_of([helper.make_node("DynamicQuantizeLinear", ["x"], names)], feed, kind)
    np.testing.assert_array_equal(*both(model, feed, tmp_path))


@pytest.mark.parametrize("seed", range(100, 106))
def test_networks_that_onnxruntime_quantises_dynamically(seed, tmp_path):
    model, samples = random_network(seed)
    onnx.save(model, tmp_path / "f.onnx")
    kind = QuantType.QUInt8 if seed % 2 else QuantType.QInt8
    operators = ["MatMul", "Gemm"] if seed % 2 == 0 else ["Conv", "MatMul", "Gemm"]  # no int8 ConvInteger there
    quantize_dynamic(tmp_path / "f.onnx", tmp_path / "q.onnx", weight_type=kind, op_types_to_quantize=operators)
    dynamic = onnx.load(tmp_path / "q.onnx")
    assert {node.op_type for node in dynamic.graph.node} & {"MatMulInteger", "ConvInteger"}
    got, expected = both(dynamic, {"x": samples[0]}, tmp_path)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


BINARY = ["Add", "Sub", "Mul", "Div", "Max", "Min", "Mod", "Less", "Equal", "GreaterOrEqual"]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
@pytest.mark.parametrize("op_type", BINARY)
def test_operators_of_two(op_type, dtype, tmp_path):
    """The oracle is NumPy where onnxruntime has no kernel for the type."""
    rng = np.random.default_rng(len(op_type))
    a, b = integers(rng, (2, 3, 40), dtype), integers(rng, (3, 40), dtype)
    b[b == 0] = 3
    boolean = op_type in ("Less", "Equal", "GreaterOrEqual")
    kind = TensorProto.BOOL if boolean else KINDS[dtype]
    node = helper.make_node(op_type, ["a", "b"], ["y"])
    model = model_of([node], {"a": a}, kind, [("b", b)])
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    got = execute(Platform().load(tmp_path / "m.onnx"), {"a": a})["y"]
    with np.errstate(over="ignore"):
        expected = {
            "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Max": np.maximum, "Min": np.minimum,
            "Mod": np.mod, "Less": np.less, "Equal": np.equal, "GreaterOrEqual": np.greater_equal,
            "Div": lambda p, q: np.trunc(p / q.astype(float)).astype(np.int64).astype(dtype),
        }[op_type](a, b)  # fmt: skip
    np.testing.assert_array_equal(got, expected)
    assert got.dtype == expected.dtype


@pytest.mark.parametrize("axis", [1, 3])
def test_activations_with_a_scale_per_channel(axis, tmp_path):
    rng = np.random.default_rng(axis)
    feed = {"x": rng.uniform(-3, 3, (1, 3, 2, 3)).astype(np.float32)}
    constants = [("s", np.float32([0.1, 0.02, 0.5])), ("z", np.int8([3, -7, 0]))]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], axis=axis),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], axis=axis),
    ]
    np.testing.assert_array_equal(*both(model_of(nodes, feed, TensorProto.FLOAT, constants), feed, tmp_path))


def test_activations_of_sixteen_bits(tmp_path):
    """Read as the file says: they are quantised and dequantised, and what lies between computes in float32."""
    rng = np.random.default_rng(0)
    feed = {"x": rng.uniform(-3, 3, (1, 3, 6, 5)).astype(np.float32)}
    constants = [("s", np.float32(1e-4)), ("t", np.float32(3e-4)), ("z", np.int16(0))]
    constants.append(("w", rng.standard_normal((4, 3, 3, 3)).astype(np.float32)))
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "t", "z"], ["y"]),
    ]
    got, expected = both(model_of(nodes, feed, TensorProto.INT16, constants), feed, tmp_path)
    assert got.dtype == np.int16
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_integers_with_a_scale_are_not_taken_for_plain_ones(tmp_path):
    feed = {"x": np.ones((1, 4), np.float32)}
    constants = [("s", np.float32(0.1)), ("z", np.uint8(3)), ("b", np.ones((4, 2), np.uint8))]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("MatMulInteger", ["q", "b"], ["y"]),
    ]
    with pytest.raises(UnsupportedError, match="computes with integers that have a scale"):
        both(model_of(nodes, feed, TensorProto.INT32, constants), feed, tmp_path)


def test_an_old_opset_is_read_where_its_operators_are_those_of_today(tmp_path):
    feed = {"a": np.ones((1, 4), np.uint8)}
    constants = [("b", np.ones((4, 2), np.uint8))]
    multiply = helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    np.testing.assert_array_equal(*both(model_of([multiply], feed, TensorProto.INT32, constants, 10), feed, tmp_path))
    nodes = [helper.make_node("MatMulInteger", ["a", "b"], ["c"]), helper.make_node("Relu", ["c"], ["y"])]
    with pytest.raises(UnsupportedError, match="opset 10 is not known"):
        both(model_of(nodes, feed, TensorProto.INT32, constants, 10), feed, tmp_path)
