"""LSTM, GRU and RNN: what onnxruntime computes, in every direction, and what is refused by name."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.platform import Platform

ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

TIME, BATCH, FEATURES, UNITS = 6, 2, 3, 4
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def model(kind, *, passes=1, bias=True, states="none", outputs="Y Y_h Y_c", lengths=None, peephole=False, **attributes):
    """A one-node model; ``states`` are ``none``, ``constants`` or ``inputs``."""
    rng = np.random.default_rng(6)
    rows = GATES[kind] * UNITS
    data = {
        "W": (passes, rows, FEATURES),
        "R": (passes, rows, UNITS),
        "B": (passes, 2 * rows),
        "P": (passes, 3 * UNITS),
    }
    state = (passes, BATCH, UNITS)
    for name in ("initial_h", "initial_c") if states == "constants" else ():
        data[name] = state
    constants = {name: rng.normal(scale=0.7, size=shape).astype(np.float32) for name, shape in data.items()}
    ports = [helper.make_tensor_value_info("X", TensorProto.FLOAT, (TIME, BATCH, FEATURES))]
    inputs = ["X", "W", "R", "B" if bias else "", ""]
    if lengths is not None:
        constants["lengths"], inputs[4] = np.array(lengths, np.int32), "lengths"
    if states != "none":
        inputs += ["initial_h", *(["initial_c"] if kind == "LSTM" else [])]
    if states == "inputs":
        ports += [helper.make_tensor_value_info(name, TensorProto.FLOAT, state) for name in inputs[5:]]
    if peephole:
        inputs += [""] * (7 - len(inputs)) + ["P"]
    results = outputs.split() if kind == "LSTM" else [name for name in outputs.split() if name != "Y_c"]
    shapes = {"Y": (TIME, passes, BATCH, UNITS)}
    named = ["" if name == "-" else name for name in results]
    node = helper.make_node(kind, inputs, named, hidden_size=UNITS, **attributes)
    graph = helper.make_graph(
        [node], "recurrent", ports,
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes.get(name, state))
            for name in results if name != "-"
        ],
        [numpy_helper.from_array(constants[name], name) for name in inputs if name in constants],
    )  # fmt: skip
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(built)
    return built


def imported(built, folder):
    path = folder / "model.onnx"
    path.write_bytes(built.SerializeToString())
    return Platform().load(path)


def assert_agrees(built, folder):
    graph = imported(built, folder)
    rng = np.random.default_rng(7)
    feed = {
        port.name: rng.normal(size=[size.dim_value for size in port.type.tensor_type.shape.dim]).astype(np.float32)
        for port in built.graph.input
    }
    device = {
        name: np.ascontiguousarray(value.transpose(graph.axes.get(name, range(value.ndim))))
        for name, value in feed.items()
    }
    found = execute(graph, device)
    expected = ort.InferenceSession(built.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feed)
    assert len(found) == len(expected)
    for name, want in zip(graph.outputs, expected, strict=True):
        back = np.argsort(graph.axes.get(name, range(want.ndim)))
        np.testing.assert_allclose(found[name].transpose(back), want, atol=1e-5)
    return graph


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("states", ["none", "constants", "inputs"])
@pytest.mark.parametrize("kind", GATES)
def test_agrees_with_onnxruntime(kind, states, direction, tmp_path):
    passes = 2 if direction == "bidirectional" else 1
    assert_agrees(model(kind, passes=passes, states=states, direction=direction), tmp_path)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("GRU", {"linear_before_reset": 1}),
        ("GRU", {"linear_before_reset": 1, "direction": "bidirectional", "passes": 2}),
        ("RNN", {"activations": ["Relu"]}),
        ("RNN", {"activations": ["Relu", "Tanh"], "direction": "bidirectional", "passes": 2}),
        ("LSTM", {"activations": ["Sigmoid", "Tanh", "Tanh"]}),
        ("LSTM", {"bias": False}),
        ("LSTM", {"outputs": "- Y_h -"}),
        ("LSTM", {"outputs": "- - Y_c"}),
        ("GRU", {"outputs": "Y"}),
        ("LSTM", {"lengths": [TIME] * BATCH}),
    ],
)
def test_variants_agree_with_onnxruntime(kind, options, tmp_path):
    assert_agrees(model(kind, **options), tmp_path)


def test_states_of_zeros_are_left_out(tmp_path):
    built = model("LSTM", states="constants")
    for tensor in built.graph.initializer:
        if tensor.name.startswith("initial"):
            tensor.CopyFrom(numpy_helper.from_array(np.zeros((1, BATCH, UNITS), np.float32), tensor.name))
    graph = assert_agrees(built, tmp_path)
    (node,) = (node for node in graph.nodes if node.op.kind == "lstm")
    assert len(node.inputs) == 4


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("LSTM", {"peephole": True}, "peephole"),
        ("LSTM", {"input_forget": 1}, "couples"),
        ("LSTM", {"clip": 0.5}, "clip"),
        ("LSTM", {"activations": ["Sigmoid", "Tanh", "Relu"]}, "activations"),
        ("GRU", {"activations": ["HardSigmoid", "Tanh"]}, "activations"),
        ("RNN", {"activations": ["Affine"]}, "activations"),
        ("GRU", {"lengths": [TIME, TIME - 1]}, "different lengths"),
    ],
)
def test_what_is_refused(kind, options, reason, tmp_path):
    with pytest.raises(UnsupportedError, match=reason):
        imported(model(kind, **options), tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"direction": "sideways"}, "direction"), ({"hidden_size": 5}, "contradict"), ({"shape": True}, "contradict")],
)
def test_contradictions_are_told(change, reason, tmp_path):
    built = model("GRU")
    (node,) = built.graph.node
    if change.pop("shape", False):
        weights = built.graph.initializer[0]
        weights.CopyFrom(numpy_helper.from_array(np.zeros((1, 12, FEATURES + 1), np.float32), weights.name))
    for name, value in change.items():
        kept = [attribute for attribute in node.attribute if attribute.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, value)])
    with pytest.raises(InputError, match=reason):
        imported(built, tmp_path)
