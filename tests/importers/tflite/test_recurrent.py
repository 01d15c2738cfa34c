"""UNIDIRECTIONAL_SEQUENCE_LSTM: TensorFlow Lite Micro's bytes where it is int8, and what is refused."""

import numpy as np
import pytest

from tflite_models.authoring import FLOAT32, INT8, INT16, INT32, Author
from tinyml_core.arithmetic import sigmoid16
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import InputError, UnsupportedError

OPTIONS = "UnidirectionalSequenceLSTMOptions"
SCALES = {"cell": 2.0**-11, "hidden": 1 / 128, "spread": 1.0}


def layer(rng, *, kind=INT8, batch=1, time=3, features=2, units=3, time_major=False, clip=0.0, states=True, **options):
    """A one-layer network with random weights and scales; returns the author and the operator's record."""
    author, scales = Author(), {name: options.pop(name, value) for name, value in SCALES.items()}
    whole = kind == INT8
    lead = (time, batch) if time_major else (batch, time)

    def tensor(make, shape, quantized, spread, kind=kind):
        return make(shape, kind, **({"scale": quantized * spread} if whole else {}))

    def parameters(shape):
        if not whole:
            return author.constant(rng.normal(size=shape), FLOAT32)
        return author.constant(
            rng.integers(-127, 128, shape), INT8, scale=rng.uniform(0.001, 0.03) * scales["spread"]
        )  # fmt: skip

    point = int(rng.integers(-128, 128)) if whole else 0
    inputs = [tensor(author.input, (*lead, features), rng.uniform(0.002, 0.1), scales["spread"])]
    inputs += [parameters((units, features)) for _ in range(4)] + [parameters((units, units)) for _ in range(4)]
    inputs += [-1, -1, -1]
    for _ in range(4):
        data = rng.integers(-3000, 3000, units) if whole else rng.normal(size=units)
        inputs.append(author.constant(data, INT32 if whole else FLOAT32, **({"scale": 1e-3} if whole else {})))
    inputs += [-1, -1]
    hidden = {"scale": scales["hidden"], "zero_point": point} if whole else {}
    inputs.append(author.tensor((batch, units), kind, name="hidden", **hidden))
    inputs.append(author.tensor((batch, units), INT16, name="cell", scale=scales["cell"]) if whole else 0)
    if not whole:
        inputs[-1] = author.tensor((batch, units), FLOAT32, name="cell")
    for index in inputs[-2:]:
        author.subgraph.tensors[index].isVariable = states
    inputs += [-1, -1, -1, -1]
    output = author.tensor((*lead, units), kind, name="output", **hidden)
    options = {"fusedActivationFunction": 4, "cellClip": clip, "timeMajor": time_major, **options}
    record = author.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [output], OPTIONS, version=3, **options)
    return author.outputs(output), record


def differing(author, folder, rng, runs=3):
    """How many outputs differ from TensorFlow Lite Micro's, of how many, and which values those take."""
    graph, interpreter = author.graph(folder), author.interpreter()
    wrong, seen = 0, []
    for _ in range(runs):
        x = rng.integers(-128, 128, graph.tensors[graph.inputs[0]].shape).astype(np.int8)
        interpreter.reset()
        interpreter.set_input(x, 0)
        interpreter.invoke()
        seen.append(interpreter.get_output(0))
        wrong += int((execute(graph, {graph.inputs[0]: x})[graph.outputs[0]] != seen[-1]).sum())
    return wrong, np.unique(np.concatenate(seen, axis=None))


def test_int8_layers_give_the_same_bytes(tmp_path):
    different = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sizes = {name: int(rng.integers(1, most)) for name, most in [("time", 30), ("features", 20), ("units", 40)]}
        author, _ = layer(
            rng, batch=int(rng.integers(1, 4)), **sizes, clip=float(rng.choice([0.0, 0.5, 3.0, 0.001])),
            time_major=bool(rng.integers(2)), cell=2.0 ** int(rng.integers(-16, 1)),
            hidden=float(rng.uniform(0.5, 1.5)) / 128, spread=float(rng.choice([0.1, 1.0, 5.0])),
        )  # fmt: skip
        wrong, values = differing(author, tmp_path, rng)
        assert wrong == 0, seed
        different.update(values.tolist())
    assert len(different) > 240


@pytest.mark.parametrize(
    "scales",
    [
        {"cell": 2.0**-15, "spread": 100.0},  # every gate and the cell state saturated
        {"cell": 2.0**-26},
        {"cell": 2.0**2},
        {"hidden": 1e-6},
        {"hidden": 10.0},
        {"spread": 1e-3},
    ],
)
def test_extreme_scales_give_the_same_bytes(scales, tmp_path):
    rng = np.random.default_rng(7)
    author, _ = layer(rng, time=40, features=6, units=10, **scales)
    assert differing(author, tmp_path, rng)[0] == 0


@pytest.mark.parametrize(("code", "function"), [("LOGISTIC", "sigmoid"), ("TANH", "tanh")])
def test_int16_functions_are_tensorflow_lites(code, function):
    author, values = Author(), np.arange(-32768, 32768)
    source = author.input((1, 256, 256), INT16, scale=2.0**-12)
    output = author.tensor((1, 256, 256), INT16, scale=2.0**-15)
    author.operator(code, [source], [output], version=3)
    interpreter = author.outputs(output).interpreter()
    interpreter.set_input(values.astype(np.int16).reshape(1, 256, 256), 0)
    interpreter.invoke()
    found = getattr(sigmoid16, function)(values * 3)
    np.testing.assert_array_equal(found, interpreter.get_output(0).ravel())


@pytest.mark.parametrize("time_major", [False, True])
@pytest.mark.parametrize("clip", [0.0, 0.2])
@pytest.mark.parametrize("batch", [1, 3])
def test_float_layers_agree(time_major, clip, batch, tmp_path):
    rng = np.random.default_rng(8)
    author, _ = layer(rng, kind=FLOAT32, batch=batch, time=7, features=4, units=5, time_major=time_major, clip=clip)
    graph, interpreter = author.graph(tmp_path), author.interpreter()
    x = rng.normal(size=graph.tensors[graph.inputs[0]].shape).astype(np.float32)
    interpreter.set_input(x, 0)
    interpreter.invoke()
    (found,) = execute(graph, {graph.inputs[0]: x}).values()
    np.testing.assert_allclose(found, interpreter.get_output(0), atol=1e-5)


def test_every_inference_starts_from_zero(tmp_path):
    rng = np.random.default_rng(9)
    author, _ = layer(rng)
    graph = author.graph(tmp_path)
    x = rng.integers(-128, 128, (1, 3, 2)).astype(np.int8)
    first, second = (execute(graph, {graph.inputs[0]: x})[graph.outputs[0]] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def optional(position):
    def apply(author, record):
        record.inputs[position] = 13  # a vector of as many elements as there are units

    return apply


def dropped(position):
    def apply(author, record):
        record.inputs[position] = -1

    return apply


def of_tensor(position, **fields):
    def apply(author, record):
        tensor = author.subgraph.tensors[record.inputs[position]]
        for name, value in fields.items():
            setattr(tensor, name, value)

    return apply


def of_scale(position, **fields):
    def apply(author, record):
        for name, value in fields.items():
            setattr(author.subgraph.tensors[record.inputs[position]].quantization, name, np.array(value))

    return apply


def option(**fields):
    def apply(author, record):
        for name, value in fields.items():
            setattr(record.builtinOptions, name, value)

    return apply


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        (optional(10), UnsupportedError, "peephole"),
        (optional(16), UnsupportedError, "projection"),
        (optional(21), UnsupportedError, "layer normalisation"),
        (dropped(1), UnsupportedError, "couples"),
        (dropped(6), InputError, "lacks input 6"),
        (dropped(13), InputError, "lacks input 13"),
        (dropped(18), InputError, "lacks its state 18"),
        (option(fusedActivationFunction=1), UnsupportedError, "activation number 1"),
        (option(diagonalRecurrentTensors=True), UnsupportedError, "diagonal"),
        (option(cellClip=-1.0), InputError, "cell clip"),
        (of_tensor(18, isVariable=False), InputError, "no variable"),
        (of_tensor(19, shape=[1, 4]), InputError, "state"),
        (of_tensor(2, buffer=0), UnsupportedError, "computes its weights"),
        (of_tensor(2, shape=[2, 3]), InputError, "different shapes"),
        (of_scale(19, scale=np.float32([0.001])), UnsupportedError, "powers of two"),
        (of_scale(18, scale=np.float32([0.02])), UnsupportedError, "hidden state of another scale"),
        (of_scale(3, zeroPoint=np.int64([1])), UnsupportedError, "symmetric"),
    ],
)
def test_what_is_refused(change, error, reason, tmp_path):
    author, record = layer(np.random.default_rng(10))
    change(author, record)
    with pytest.raises(error, match=reason):
        graph = author.graph(tmp_path)
        execute(graph, {graph.inputs[0]: np.zeros((1, 3, 2), np.int8)})


def test_converters_intermediates_are_accepted(tmp_path):
    rng = np.random.default_rng(11)
    author, record = layer(rng)
    record.intermediates = [author.tensor((), INT8, scale=0.1) for _ in range(5)]
    record.mutatingVariableInputs = [index in (18, 19) for index in range(24)]
    assert [node.op.kind for node in author.graph(tmp_path).nodes] == ["lstm"]
