"""Borders, several inputs and outputs, dead code and constants."""

import numpy as np
import pytest

from tflite_models.authoring import FLOAT32, INT8, UINT8, Author, convolution
from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.quantised import dequantise_array, quantise_array
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph import DType
from tinyml_core.graph.operators import Clamp, Dequantize, Quantize
from tinyml_core.platform import Platform

RNG = np.random.default_rng(6)


def relu(author, source, name="hidden", shape=(1, 8)):
    output = author.tensor(shape, name=name, scale=0.1)
    author.operator("RELU", [source], [output])
    return output


def bordered():
    """Float -> QUANTIZE -> RELU -> DEQUANTIZE -> float."""
    author = Author()
    source = author.input((1, 8), FLOAT32)
    inside = author.tensor((1, 8), name="inside", scale=0.1, zero_point=3)
    author.operator("QUANTIZE", [source], [inside], "QuantizeOptions")
    hidden = relu(author, inside)
    output = author.tensor((1, 8), FLOAT32, name="output")
    author.operator("DEQUANTIZE", [hidden], [output], "DequantizeOptions", version=2)
    return author.outputs(output), inside, hidden, output


def kinds(graph):
    return [node.op.kind for node in graph.nodes]


def check(author, folder):
    """The imported network computes what TensorFlow Lite Micro does, floats converted outside where folded."""
    graph, interpreter = author.graph(folder), author.interpreter()
    values = {}
    for index, name in enumerate(graph.inputs):
        tensor = graph.tensors[name]
        floats = author.subgraph.tensors[author.subgraph.inputs[index]].type == FLOAT32
        given = RNG.normal(0, 4, tensor.shape).astype(np.float32) if floats else None
        if given is None:
            given = RNG.integers(*tensor.dtype.limits, tensor.shape, endpoint=True).astype(tensor.dtype.numpy)
        interpreter.set_input(given, index)
        values[name] = quantise_array(given, tensor) if floats and tensor.dtype is DType.INT8 else given
    interpreter.invoke()
    results = execute(graph, values)
    for index, name in enumerate(graph.outputs):
        expected, got = interpreter.get_output(index), results[name]
        if expected.dtype == np.float32 and got.dtype != np.float32:
            got = dequantise_array(got, graph.tensors[name])
        np.testing.assert_array_equal(got, expected)
    return graph


def test_float_borders_fold(tmp_path):
    graph = check(bordered()[0], tmp_path)
    assert kinds(graph) == ["clamp"]
    assert (graph.inputs, graph.outputs) == (("input",), ("output",))
    source, output = graph.tensors["input"], graph.tensors["output"]
    assert (source.dtype, source.quantization.zero_point, output.dtype) == (DType.INT8, (3,), DType.INT8)


def test_float_borders_stay_when_asked_for(tmp_path):
    graph = bordered()[0].graph(tmp_path, float_borders=True)
    assert [type(node.op) for node in graph.nodes] == [Quantize, Clamp, Dequantize]
    assert graph.tensors["input"].dtype is graph.tensors["output"].dtype is DType.FLOAT32


def test_an_input_quantised_in_two_ways_stays_float(tmp_path):
    author, *_ = bordered()
    other = author.tensor((1, 8), name="other", scale=0.3)
    author.operator("QUANTIZE", [0], [other], "QuantizeOptions")
    author.subgraph.outputs.append(other)
    graph = check(author, tmp_path)
    assert kinds(graph) == ["quantize", "clamp", "quantize"]
    assert graph.outputs == ("output", "other")


def test_an_input_quantised_twice_alike_folds(tmp_path):
    author, *_ = bordered()
    other = author.tensor((1, 8), name="other", scale=0.1, zero_point=3)
    author.operator("QUANTIZE", [0], [other], "QuantizeOptions")
    author.subgraph.outputs.append(relu(author, other, "second"))
    assert kinds(check(author, tmp_path)) == ["clamp", "clamp"]


def test_an_output_that_is_also_read_inside(tmp_path):
    author, _, hidden, output = bordered()
    author.outputs(relu(author, hidden, "last"), output, hidden)
    graph = check(author, tmp_path)
    assert graph.outputs == ("last", "output", "hidden")
    assert kinds(graph) == ["clamp", "clamp", "reshape"]


def test_a_float_output_that_is_also_read_inside_stays(tmp_path):
    author, _, _, output = bordered()
    again = author.tensor((1, 8), FLOAT32, name="again")
    author.operator("RELU", [output], [again])
    author.outputs(output, again)
    assert kinds(check(author, tmp_path)) == ["clamp", "dequantize", "clamp"]


def test_two_float_outputs_of_one_tensor(tmp_path):
    author, _, hidden, output = bordered()
    other = author.tensor((1, 8), FLOAT32, name="other")
    author.operator("DEQUANTIZE", [hidden], [other], "DequantizeOptions", version=2)
    graph = check(author.outputs(output, other), tmp_path)
    assert graph.outputs == ("output", "other")


def test_a_quantised_input_that_is_an_output_keeps_both_names(tmp_path):
    author, inside, _, output = bordered()
    graph = check(author.outputs(inside, output), tmp_path)
    assert (graph.inputs, graph.outputs) == (("input",), ("inside", "output"))


def straight_through():
    author = Author()
    source = author.input((1, 8))
    return author.outputs(relu(author, source, "output"), source)


def test_an_input_that_is_an_output(tmp_path):
    graph = check(straight_through(), tmp_path)
    assert graph.outputs == ("output", "input")


def twice():
    author = Author()
    output = relu(author, author.input((1, 8)), "output")
    return author.outputs(output, output)


def test_an_output_listed_twice(tmp_path):
    graph = twice().graph(tmp_path)
    assert graph.outputs == ("output", "output_copy")
    values = RNG.integers(-128, 128, (1, 8)).astype(np.int8)
    first, second = execute(graph, {"input": values}).values()
    np.testing.assert_array_equal(first, second)


def several():
    author = Author()
    first, second = author.input((1, 8), name="first", scale=0.1), author.input((1, 8), FLOAT32, name="second")
    author.input((1, 3), name="unused")
    inside = author.tensor((1, 8), name="inside", scale=0.2)
    author.operator("QUANTIZE", [second], [inside], "QuantizeOptions")
    total = author.tensor((1, 8), name="total", scale=0.3)
    author.operator("ADD", [first, inside], [total], "AddOptions")
    real = author.tensor((1, 8), FLOAT32, name="real")
    author.operator("DEQUANTIZE", [total], [real], "DequantizeOptions")
    return author.outputs(relu(author, total, "positive"), real)


def test_several_inputs_and_outputs_keep_their_order(tmp_path):
    graph = check(several(), tmp_path)
    assert (graph.inputs, graph.outputs) == (("first", "second", "unused"), ("positive", "real"))
    assert kinds(graph) == ["add", "clamp"]


@pytest.mark.parametrize("author", [straight_through, twice, several, lambda: bordered()[0]])
def test_borders_on_the_device(author, tmp_path):
    platform = Platform()
    graph = author().graph(tmp_path)
    platform.compile(graph, "stm32f746", tmp_path / "out")
    assert platform.run(tmp_path / "out").exact


def test_uint8_border_stays_outside_the_network(tmp_path):
    author = Author()
    source = author.input((1, 8), UINT8, scale=0.1, zero_point=128)
    inside = author.tensor((1, 8), name="inside", scale=0.1)
    author.operator("QUANTIZE", [source], [inside], "QuantizeOptions")
    author.outputs(relu(author, inside))
    assert check(author, tmp_path).tensors["input"].dtype is DType.UINT8


def test_dead_code_is_not_looked_at(tmp_path):
    author, _ = convolution()
    dead = author.tensor((1, 5, 5, 4), 12, name="dead")
    author.operator(209, [author.subgraph.outputs[0]], [dead])
    graph = author.graph(tmp_path)
    assert kinds(graph) == ["conv2d"]
    assert len(graph.tensors) == 4


def test_operators_without_outputs_are_not_dead(tmp_path):
    author, _ = convolution()
    author.operator("CALL_ONCE", [], [], "CallOnceOptions")
    with pytest.raises(UnsupportedError, match="operator 1: CALL_ONCE is not known"):
        author.graph(tmp_path)


def test_further_subgraphs_that_nothing_refers_to(tmp_path):
    author, _ = convolution()
    author.model.subgraphs.append(Author().subgraph)
    assert kinds(author.graph(tmp_path)) == ["conv2d"]


def test_control_flow_is_refused(tmp_path):
    author, _ = convolution()
    output = author.tensor((1, 5, 5, 4), name="branch")
    author.operator("IF", [author.subgraph.outputs[0]], [output], "IfOptions")
    with pytest.raises(UnsupportedError, match="operator 1: IF is not known"):
        author.outputs(output).graph(tmp_path)


@pytest.mark.parametrize("axis", [None, 0])
def test_dequantised_weights_are_folded(axis, tmp_path):
    author, rng = Author(), np.random.default_rng(3)
    scales = 0.1 if axis is None else [0.1, 0.2, 0.3]
    integers = rng.integers(-128, 128, (3, 8))
    source, stored = author.input((1, 8), FLOAT32), author.constant(integers, INT8, scale=scales)
    weights, output = author.tensor((3, 8), FLOAT32, name="weights"), author.tensor((1, 3), FLOAT32, name="output")
    author.operator("DEQUANTIZE", [stored], [weights], "DequantizeOptions", version=2)
    author.operator("FULLY_CONNECTED", [source, weights, -1], [output], "FullyConnectedOptions")
    graph = author.outputs(output).graph(tmp_path)
    assert kinds(graph) == ["fully_connected"]
    expected = np.atleast_1d(np.float32(scales))[:, None] * integers.astype(np.float32)
    np.testing.assert_array_equal(graph.tensors["weights"].data, expected)


def test_constants_are_quantised_and_reshaped(tmp_path):
    author, rng = Author(), np.random.default_rng(3)
    source = author.input((1, 8), scale=0.1)
    stored = author.constant(rng.normal(0, 3, (8,)), FLOAT32)
    flat, shaped = author.tensor((8,), name="flat", scale=0.1), author.tensor((1, 8), name="shaped", scale=0.1)
    output = author.tensor((1, 8), name="output", scale=0.2)
    author.operator("QUANTIZE", [stored], [flat], "QuantizeOptions")
    author.operator("RESHAPE", [flat, author.constant([1, 8])], [shaped], "ReshapeOptions")
    author.operator("ADD", [source, shaped], [output], "AddOptions")
    assert kinds(check(author.outputs(output), tmp_path)) == ["add"]


def test_a_constant_output_is_refused(tmp_path):
    author, _ = convolution()
    with pytest.raises(UnsupportedError, match="output 'constant': is a constant"):
        author.outputs(1).graph(tmp_path)


def test_an_input_listed_twice_is_refused(tmp_path):
    author, _ = convolution()
    author.subgraph.inputs = [0, 0]
    with pytest.raises(InputError, match="lists an input twice"):
        author.graph(tmp_path)
