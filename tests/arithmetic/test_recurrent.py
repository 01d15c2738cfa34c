"""Recurrent layers: against plain formulas in double precision, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import GRU, LSTM, RNN
from tinyml_core.graph.verify import verify
from tinyml_core.quantization import quantise_graph

BATCH, TIME, FEATURES, UNITS = 3, 6, 4, 5
GATES = {LSTM: 4, GRU: 3, RNN: 1}


def real_graph(op, *, batch=BATCH, states=None):
    """A float32 layer, from states with ``states`` samples or from zero; the graph and its constants."""
    rng = np.random.default_rng(3)
    b = GraphBuilder("layer")
    rows = GATES[type(op)] * UNITS
    shapes = [(rows, FEATURES), (rows, UNITS), (rows,), *([(rows,)] if isinstance(op, GRU) else [])]
    if states is not None:
        shapes += [(states, UNITS)] * (2 if isinstance(op, LSTM) else 1)
    constants = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    names = [b.constant(f"c{index}", data) for index, data in enumerate(constants)]
    outputs = b.node_outputs(op, [b.input("x", (batch, TIME, FEATURES), DType.FLOAT32), *names], name="layer")
    return verify(b.build(outputs)), constants


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(op, x, hidden, cell, weights, recurrent, bias):
    i, f, g, o = np.split(x @ weights.T + hidden @ recurrent.T + bias, 4, axis=-1)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    cell = np.clip(cell, -op.cell_clip, op.cell_clip) if op.cell_clip else cell
    return sigmoid(o) * np.tanh(cell), cell


def gru_step(op, x, hidden, cell, weights, recurrent, bias, recurrent_bias):
    wz, wr, wn = np.split(x @ weights.T + bias, 3, axis=-1)
    rz, rr, rn = np.split(recurrent, 3)
    bz, br, bn = np.split(recurrent_bias, 3)
    update, reset = sigmoid(wz + hidden @ rz.T + bz), sigmoid(wr + hidden @ rr.T + br)
    recalled = reset * (hidden @ rn.T + bn) if op.reset_after else (reset * hidden) @ rn.T + bn
    return (1 - update) * np.tanh(wn + recalled) + update * hidden, cell


def rnn_step(op, x, hidden, cell, weights, recurrent, bias):
    total = x @ weights.T + bias + hidden @ recurrent.T
    return (np.tanh(total) if op.function == "tanh" else np.maximum(total, 0)), cell


STEPS = {LSTM: lstm_step, GRU: gru_step, RNN: rnn_step}
OPERATORS = [LSTM(), LSTM(0.3), GRU(), GRU(reset_after=False), RNN(), RNN("relu")]


@pytest.mark.parametrize("states", [None, 1, BATCH])
@pytest.mark.parametrize("op", OPERATORS, ids=str)
def test_a_float_layer_follows_its_formula(op, states):
    graph, constants = real_graph(op, states=states)
    x = np.random.default_rng(1).normal(size=(BATCH, TIME, FEATURES)).astype(np.float32)
    found = list(execute(graph, {"x": x}).values())
    count = 0 if states is None else (2 if isinstance(op, LSTM) else 1)
    parameters = constants[: len(constants) - count]
    first = [np.broadcast_to(state, (BATCH, UNITS)) for state in constants[len(parameters) :]]
    hidden, cell = (*first, *[np.zeros((BATCH, UNITS))] * (2 - count))
    for step in range(TIME):
        hidden, cell = STEPS[type(op)](op, x[:, step].astype(np.float64), hidden, cell, *parameters)
        np.testing.assert_allclose(found[0][:, step], hidden, atol=2e-5)
    np.testing.assert_array_equal(found[1], found[0][:, -1])
    if isinstance(op, LSTM):
        np.testing.assert_allclose(found[2], cell, atol=2e-5)
        assert not op.cell_clip or np.abs(found[2]).max() <= np.float32(op.cell_clip)


@pytest.mark.parametrize("op", OPERATORS, ids=str)
@pytest.mark.parametrize("states", [None, 1])
def test_a_batch_is_its_samples_one_by_one(op, states):
    graph, _ = real_graph(op, batch=1, states=states)
    x = np.random.default_rng(2).normal(size=(4, TIME, FEATURES)).astype(np.float32)
    together = execute(with_batch(graph, 4), {"x": x})
    alone = [execute(graph, {"x": x[index : index + 1]}) for index in range(4)]
    for name in graph.outputs:
        np.testing.assert_array_equal(together[name], np.concatenate([outputs[name] for outputs in alone]))


def test_a_float_layer_has_no_int8_form_yet():
    graph, _ = real_graph(LSTM(), batch=1)
    with pytest.raises(GraphError, match=r"lstm.*no int8 form"):
        quantise_graph(graph)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x": (BATCH, TIME)}, "time"),
        ({"c0": (4 * UNITS, FEATURES + 1)}, "weights of shape"),
        ({"c1": (4 * UNITS, UNITS + 1)}, "is needed"),
        ({"c2": (UNITS,)}, "bias"),
        ({"c3": (2, UNITS)}, "state"),
        ({"c2": None}, "another type"),
    ],
)
def test_shapes_and_types_are_checked(change, reason):
    graph, _ = real_graph(LSTM(), states=BATCH)
    tensors = dict(graph.tensors)
    for name, shape in change.items():
        old = tensors[name]
        data = None if old.data is None else np.zeros(shape or old.shape, np.float32 if shape else np.int32)
        dtype = DType.FLOAT32 if shape else DType.INT32
        tensors[name] = replace(old, shape=shape or old.shape, data=data, dtype=dtype)
    with pytest.raises(GraphError, match=reason):
        verify(replace(graph, tensors=tensors))


@pytest.mark.parametrize("op", [LSTM(-1.0), LSTM(float("inf")), LSTM(float("nan")), RNN("softmax")], ids=str)
def test_attributes_are_checked(op):
    with pytest.raises(GraphError, match=r"clip|unknown"):
        real_graph(op)


def test_initial_states_come_together():
    graph, _ = real_graph(LSTM(), states=1)
    (node,) = graph.nodes
    with pytest.raises(GraphError, match="together"):
        verify(replace(graph, nodes=(replace(node, inputs=node.inputs[:5]),)))


def int8_graph(*, cell=2.0**-11, hidden=None, rounding=Rounding.TFLITE, points=0, bias=True):
    """A small int8 layer with something to refuse."""
    rng = np.random.default_rng(4)
    b = GraphBuilder("int8", rounding)
    q = Quantization.per_tensor
    operands = [b.input("x", (1, 3, 2), DType.INT8, q(0.05, 3))]
    for name, columns in (("w", 2), ("r", 4)):
        data = rng.integers(-127, 128, (16, columns)).astype(np.int8)
        operands.append(b.constant(name, data, Quantization((0.01,), (points,))))
    shape = (16,)
    operands.append(b.constant("b", np.zeros(shape, np.int32)) if bias else b.input("b", shape, DType.INT32))
    outputs = b.node_outputs(LSTM(), operands, name="layer", quantization=q(1 / 128, 5))
    graph = b.build(outputs)
    changed = {outputs[1]: hidden or q(1 / 128, 5), outputs[2]: Quantization((cell,), (0,))}
    tensors = {
        name: replace(tensor, quantization=changed.get(name, tensor.quantization))
        for name, tensor in graph.tensors.items()
    }
    return verify(replace(graph, tensors=tensors))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"cell": 0.0007}, "scale 0.0007"),
        ({"cell": 2.0**3}, "powers of two"),
        ({"cell": 2.0**-31}, "powers of two"),
        ({"hidden": Quantization.per_tensor(1 / 64, 5)}, "differ"),
        ({"points": 1}, "symmetric"),
        ({"bias": False}, "constant int32 bias"),
    ],
)
def test_int8_layers_without_an_arithmetic_are_refused(options, reason):
    graph = int8_graph(**options)
    inputs = {name: np.zeros(graph.tensors[name].shape, graph.tensors[name].dtype.numpy) for name in graph.inputs}
    with pytest.raises(UnsupportedError, match=f"layer.*{reason}"):
        execute(graph, inputs)


def test_int8_layers_compute_the_same_in_both_rounding_modes():
    x = np.random.default_rng(5).integers(-128, 128, (1, 3, 2)).astype(np.int8)
    tflite, single = (execute(int8_graph(rounding=rounding), {"x": x}) for rounding in Rounding)
    for name, values in tflite.items():
        np.testing.assert_array_equal(single[name], values)


def test_gru_and_rnn_have_no_int8_arithmetic():
    b = GraphBuilder("int8 gru")
    q = Quantization.per_tensor(0.1)
    x = b.input("x", (1, 2, 2), DType.INT8, q)
    operands = [b.constant(name, np.zeros(shape, np.int8), q) for name, shape in (("w", (3, 2)), ("r", (3, 1)))]
    operands += [b.constant(name, np.zeros(3, np.int32)) for name in ("b", "c")]
    graph = b.build(b.node_outputs(GRU(), [x, *operands], name="layer", quantization=q))
    with pytest.raises(UnsupportedError, match=r"layer.*gru.*int8"):
        execute(graph, {"x": np.zeros((1, 2, 2), np.int8)})
