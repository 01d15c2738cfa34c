"""Operators and their options: what each means, against TensorFlow Lite Micro, and what is refused by name."""

import numpy as np
import pytest

from tflite_models.authoring import (
    BOOL,
    FLOAT32,
    INT8,
    INT16,
    INT32,
    Author,
    agrees,
    convolution,
)
from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import InputError, TinyMLError, UnsupportedError
from tinyml_core.graph.operators import FullyConnected, Reshape


@pytest.mark.parametrize("padding", [0, 1], ids=["same", "valid"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (2, 3), (3, 2)])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (3, 3), (4, 2), (1, 5), (5, 4)])
def test_convolution_windows(kernel, stride, padding, tmp_path):
    for image in ((1, 5, 6, 2), (1, 7, 8, 1), (2, 5, 5, 3)):
        author, _ = convolution(image=image, kernel=kernel, stride=stride, padding=padding)
        agrees(author, tmp_path)


@pytest.mark.parametrize("dilation", [(2, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("padding", [0, 1], ids=["same", "valid"])
def test_dilation(dilation, padding, tmp_path):
    author, _ = convolution(image=(1, 9, 9, 2), kernel=(3, 3), dilation=dilation, padding=padding)
    graph = agrees(author, tmp_path)
    assert graph.nodes[0].op.dilation == dilation


@pytest.mark.parametrize(("activation", "limits"), [(1, (0, np.inf)), (2, (-1, 1)), (3, (0, 6))])
def test_fused_activations(activation, limits, tmp_path):
    author, _ = convolution(fusedActivationFunction=activation)
    assert agrees(author, tmp_path).nodes[0].op.activation == limits


@pytest.mark.parametrize(("activation", "name"), [(4, "TANH"), (5, "SIGN_BIT"), (6, "6"), (-1, "-1")])
def test_other_fused_activations_are_refused(activation, name, tmp_path):
    author, _ = convolution(fusedActivationFunction=activation)
    with pytest.raises(UnsupportedError, match=rf"operator 0 \(CONV_2D\).*activation {name}"):
        author.graph(tmp_path)


@pytest.mark.parametrize("padding", [2, -1])
def test_other_paddings_are_refused(padding, tmp_path):
    author, operator = convolution()
    operator.builtinOptions.padding = padding
    with pytest.raises(UnsupportedError, match="neither SAME nor VALID"):
        author.graph(tmp_path)


def test_convolution_without_bias(tmp_path):
    author, operator = convolution()
    operator.inputs[2] = -1
    assert len(agrees(author, tmp_path).nodes[0].inputs) == 2


def test_open_batch_is_one(tmp_path):
    author, _ = convolution()
    author.subgraph.tensors[0].shapeSignature = [-1, 5, 5, 2]
    assert author.graph(tmp_path).tensors["input"].shape == (1, 5, 5, 2)


def dense(source, weights, output, *, scale=0.5, per_channel=False, **options):
    author = Author()
    rng = np.random.default_rng(1)
    scales = np.linspace(0.005, 0.02, weights[0]) if per_channel else 0.01
    operands = [
        author.input(source), author.constant(rng.integers(-127, 128, weights), INT8, scale=scales),
        author.constant(rng.integers(-500, 500, weights[0]), scale=np.asarray(scales) * 0.5),
    ]  # fmt: skip
    result = author.tensor(output, name="output", scale=scale)
    author.operator("FULLY_CONNECTED", operands, [result], "FullyConnectedOptions", version=4, **options)
    return author.outputs(result)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(
    ("source", "output", "keep"),
    [((1, 12), (1, 5), False), ((3, 12), (3, 5), False), ((1, 2, 2, 3), (1, 5), False), ((1, 4, 3), (1, 5), False),
     ((2, 3, 12), (2, 3, 5), True), ((1, 1, 12), (1, 5), False)],
)  # fmt: skip
def test_dense_layers(source, output, keep, per_channel, tmp_path):
    graph = agrees(dense(source, (5, 12), output, keepNumDims=keep, per_channel=per_channel), tmp_path)
    kinds = [type(node.op) for node in graph.nodes]
    assert kinds == [Reshape] * (len(source) > 2) + [FullyConnected] + [Reshape] * (len(output) > 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"weightsFormat": 1}, "weights in format number 1"), ({"fusedActivationFunction": 4}, "TANH")],
)
def test_dense_options_refused(options, message, tmp_path):
    with pytest.raises(UnsupportedError, match=message):
        dense((1, 12), (5, 12), (1, 5), **options).graph(tmp_path)


def test_dense_layer_of_another_size(tmp_path):
    with pytest.raises(InputError, match="no multiple of the 12"):
        dense((1, 13), (5, 12), (1, 5)).graph(tmp_path)


@pytest.mark.parametrize(("multiplier", "declared"), [(1, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize("padding", [0, 1])
def test_depthwise(multiplier, declared, padding, tmp_path):
    author, rng, filters = Author(), np.random.default_rng(2), 3 * multiplier
    rows = 6 if padding == 0 else 4
    operands = [
        author.input((1, 6, 6, 3)),
        author.constant(rng.integers(-127, 128, (1, 3, 3, filters)), INT8, scale=[0.01] * filters, axis=3),
        author.constant(rng.integers(-500, 500, filters), scale=[0.005] * filters),
    ]
    output = author.tensor((1, rows, rows, filters), name="output", scale=0.1)
    author.operator(
        "DEPTHWISE_CONV_2D", operands, [output], "DepthwiseConv2DOptions", version=3, padding=padding, strideH=1,
        strideW=1, depthMultiplier=declared, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    agrees(author.outputs(output), tmp_path)
    author.subgraph.operators[0].builtinOptions.depthMultiplier = declared + 1
    with pytest.raises(InputError, match="depth multiplier"):
        author.graph(tmp_path)


@pytest.mark.parametrize("code", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize(
    ("filter_", "stride"), [((2, 2), (2, 2)), ((3, 2), (1, 2)), ((3, 3), (2, 2)), ((1, 4), (3, 1))]
)
@pytest.mark.parametrize("activation", [0, 1, 3])
def test_pooling(code, filter_, stride, activation, tmp_path):
    for padding in (0, 1):
        author = Author()
        source = author.input((1, 5, 7, 3), scale=0.05, zero_point=-10)
        windows = zip((5, 7), filter_, stride, strict=True)
        shape = [1, *(-(-size // step) if padding == 0 else (size - k) // step + 1 for size, k, step in windows)]
        output = author.tensor((*shape, 3), name="output", scale=0.05, zero_point=-10)
        author.operator(
            code, [source], [output], "Pool2DOptions", version=2, padding=padding, strideH=stride[0], strideW=stride[1],
            filterHeight=filter_[0], filterWidth=filter_[1], fusedActivationFunction=activation,
        )  # fmt: skip
        agrees(author.outputs(output), tmp_path)


@pytest.mark.parametrize("axes", [[1, 2], [2, 1], [-2], [3], [-3, -2], 1])
@pytest.mark.parametrize("keep", [False, True])
def test_mean(axes, keep, tmp_path):
    author = Author()
    source = author.input((1, 4, 5, 3), scale=0.1, zero_point=4)
    gone = {axis % 4 for axis in np.atleast_1d(axes)}
    shape = [1 if axis in gone else size for axis, size in enumerate((1, 4, 5, 3)) if keep or axis not in gone]
    output = author.tensor(shape, name="output", scale=0.08, zero_point=-3)
    author.operator("MEAN", [source, author.constant(axes)], [output], "ReducerOptions", version=2, keepDims=keep)
    agrees(author.outputs(output), tmp_path)


@pytest.mark.parametrize(("computed", "message"), [(False, "has axes"), (True, "must be a constant")])
def test_means_refused(computed, message, tmp_path):
    author = Author()
    source, output = author.input((1, 4, 5, 3)), author.tensor((1, 4, 5, 3))
    axes = author.input((1,), INT32, name="axes") if computed else author.constant([4])
    author.operator("MEAN", [source, axes], [output], "ReducerOptions")
    with pytest.raises(TinyMLError, match=message):
        author.outputs(output).graph(tmp_path)


def movement(code, shape, result, *operands, kind="NONE", scale=0.5, **options):
    author = Author()
    source = author.input(shape, scale=scale)
    output = author.tensor(result, name="output", scale=scale)
    constants = [author.constant(value) for value in operands]
    author.operator(code, [source, *constants], [output], kind, **options)
    return author.outputs(output)


@pytest.mark.parametrize(
    "author",
    [
        movement("RESHAPE", (1, 2, 6), (1, 3, 4), [1, 3, 4]),
        movement("RESHAPE", (1, 2, 6), (1, 3, 4), [1, -1, 4]),
        movement("RESHAPE", (1, 2, 6), (12,), [-1], kind="ReshapeOptions", newShape=[3, 4]),
        movement("RESHAPE", (1, 2, 6), (3, 4), kind="ReshapeOptions", newShape=[3, -1]),
        movement("SQUEEZE", (1, 2, 1, 6), (1, 2, 6), kind="SqueezeOptions", squeezeDims=[2]),
        movement("SQUEEZE", (1, 2, 1, 6), (2, 1, 6), kind="SqueezeOptions", squeezeDims=[-4]),
        movement("SQUEEZE", (1, 2, 1, 6), (2, 6), kind="SqueezeOptions", squeezeDims=[]),
        movement("EXPAND_DIMS", (2, 6), (2, 1, 6), [1]),
        movement("EXPAND_DIMS", (2, 6), (2, 6, 1), [-1]),
        movement("PAD", (1, 3, 4, 2), (1, 6, 5, 2), [[0, 0], [1, 2], [0, 1], [0, 0]], kind="PadOptions"),
        movement("TRANSPOSE", (1, 3, 1, 2), (3, 1, 2, 1), [1, 0, 3, 2]),
    ],
    ids=lambda author: f"{author.model.operatorCodes[0].builtinCode}-{author.subgraph.tensors[1].shape}",
)
def test_movement(author, tmp_path):
    agrees(author, tmp_path)


@pytest.mark.parametrize(
    ("author", "message"),
    [
        (movement("RESHAPE", (1, 2, 6), (1, 3, 4), [1, 4, 3]), r"computes \[1, 4, 3\], but its output has"),
        (movement("RESHAPE", (1, 2, 6), (1, 3, 4), [-1, -1, 4]), "cannot have"),
        (movement("RESHAPE", (1, 2, 6), (1, 3, 4), [-1, 5]), "cannot have"),
        (movement("RESHAPE", (1, 2, 6), (1, 3, 4), [0, -1]), "cannot have"),
        (movement("SQUEEZE", (1, 2, 1, 6), (1, 1, 6), kind="SqueezeOptions", squeezeDims=[1]), "not all of size 1"),
        (movement("EXPAND_DIMS", (2, 6), (2, 1, 6), [3]), "has axes"),
        (movement("PAD", (1, 3), (1, 5), [[0, 0, 1, 1]], kind="PadOptions"), "paddings of shape"),
        (movement("PAD", (1, 3), (1, 2), [[0, 0], [-1, 0]], kind="PadOptions"), "negative"),
        (movement("TRANSPOSE", (1, 3, 2), (1, 2, 3), [0, 2, 2]), "has the order"),
    ],
)
def test_movement_refused(author, message, tmp_path):
    with pytest.raises(InputError, match=message):
        author.graph(tmp_path)


def test_computed_shapes_are_what_the_output_declares(tmp_path):
    # Keras writes Flatten as SHAPE, STRIDED_SLICE, PACK, RESHAPE, for a batch size that is 1 here.
    author = Author()
    source, shape, output = author.input((1, 2, 6)), author.tensor((2,), INT32), author.tensor((1, 12), name="output")
    author.operator("SHAPE", [source], [shape], "ShapeOptions")
    author.operator("RESHAPE", [source, shape], [output], "ReshapeOptions")
    graph = author.outputs(output).graph(tmp_path)
    assert [node.op for node in graph.nodes] == [Reshape((1, 12))]


@pytest.mark.parametrize(("code", "scales"), [("RELU", (0.1, 0.05)), ("RELU", (0.1, 0.1)), ("RELU6", (0.1, 0.1))])
def test_activations(code, scales, tmp_path):
    author = Author()
    source = author.input((1, 40), scale=scales[0], zero_point=5)
    output = author.tensor((1, 40), name="output", scale=scales[1], zero_point=5)
    author.operator(code, [source], [output])
    agrees(author.outputs(output), tmp_path)


def test_relu6_that_rescales_is_ambiguous(tmp_path):
    author = Author()
    source, output = author.input((1, 40), scale=0.1), author.tensor((1, 40), scale=0.05)
    author.operator("RELU6", [source], [output])
    with pytest.raises(UnsupportedError, match="different scales before and after RELU6"):
        author.outputs(output).graph(tmp_path)


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
def test_add(activation, tmp_path):
    author = Author()
    left, right = author.input((1, 3, 4), scale=0.1, zero_point=3), author.input((1, 3, 4), name="right", scale=0.03)
    output = author.tensor((1, 3, 4), name="output", scale=0.12, zero_point=-4)
    author.operator("ADD", [left, right], [output], "AddOptions", version=2, fusedActivationFunction=activation)
    assert agrees(author.outputs(output), tmp_path).inputs == ("input", "right")


@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_softmax(beta, tmp_path):
    author = Author()
    source = author.input((1, 7), scale=0.1)
    output = author.tensor((1, 7), name="output", scale=1 / 256, zero_point=-128)
    author.operator("SOFTMAX", [source], [output], "SoftmaxOptions", version=2, beta=beta)
    agrees(author.outputs(output), tmp_path)


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan"), float("inf")])
def test_softmax_refused(beta, tmp_path):
    author = Author()
    source, output = author.input((1, 7)), author.tensor((1, 7), scale=1 / 256, zero_point=-128)
    author.operator("SOFTMAX", [source], [output], "SoftmaxOptions", beta=beta)
    with pytest.raises(InputError, match="beta"):
        author.outputs(output).graph(tmp_path)


def test_float_network(tmp_path):
    author, rng = Author(), np.random.default_rng(4)
    source = author.input((1, 6, 6, 2), FLOAT32)
    operands = [source, *(author.constant(rng.normal(0, 1, s), FLOAT32) for s in ((3, 3, 3, 2), (3,)))]
    middle, output = author.tensor((1, 3, 3, 3), FLOAT32, name="middle"), author.tensor((1, 3), FLOAT32, name="output")
    author.operator(
        "CONV_2D", operands, [middle], "Conv2DOptions", strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1,
        fusedActivationFunction=3,
    )  # fmt: skip
    author.operator("MEAN", [middle, author.constant([1, 2])], [output], "ReducerOptions")
    agrees(author.outputs(output), tmp_path)


def test_int16_activations_with_a_zero_point_are_refused(tmp_path):
    author = Author()
    source, output = author.input((1, 7), INT16, zero_point=1), author.tensor((1, 7), INT16)
    author.operator("RELU", [source], [output])
    with pytest.raises(UnsupportedError, match="int16 with a zero point"):
        author.outputs(output).graph(tmp_path)


def padded_with(value, *, scale=0.5, kind=INT8):
    author = Author()
    source = author.input((1, 3, 4))
    operands = [source, author.constant([[0, 0], [1, 2], [0, 1]]), author.constant([value], kind, scale=scale)]
    output = author.tensor((1, 6, 5), name="output")
    author.operator("PADV2", operands, [output], "PadV2Options")
    return author.outputs(output)


@pytest.mark.parametrize("value", [0, 7, -128, 127])
def test_padding_with_a_number(value, tmp_path):
    agrees(padded_with(value), tmp_path)


def test_padding_with_a_number_of_another_scale_is_refused(tmp_path):
    with pytest.raises(UnsupportedError, match="another type or scale"):
        padded_with(7, scale=0.25).graph(tmp_path)


@pytest.mark.parametrize(("code", "scale", "zero_point"), [("LOGISTIC", 1 / 256, -128), ("TANH", 1 / 128, 0)])
def test_bounded_functions(code, scale, zero_point, tmp_path):
    author = Author()
    source = author.input((1, 60), scale=0.05, zero_point=2)
    output = author.tensor((1, 60), name="output", scale=scale, zero_point=zero_point)
    author.operator(code, [source], [output], version=2)
    agrees(author.outputs(output), tmp_path)
    author.subgraph.tensors[output].quantization.scale = np.array([0.1], np.float32)
    with pytest.raises(UnsupportedError, match="has an output of another scale"):
        author.graph(tmp_path)


def test_leaky_relu(tmp_path):
    author = Author()
    source, output = author.input((1, 60), scale=0.05, zero_point=2), author.tensor((1, 60), name="output", scale=0.1)
    operator = author.operator("LEAKY_RELU", [source], [output], "LeakyReluOptions", version=2, alpha=0.1)
    agrees(author.outputs(output), tmp_path)
    operator.builtinOptions.alpha = float("nan")
    with pytest.raises(InputError, match="alpha nan"):
        author.graph(tmp_path)


def test_select_of_version_one_does_not_broadcast(tmp_path):
    author = Author()
    condition = author.input((3,), BOOL, name="condition")
    left, right, output = author.input((3, 2)), author.input((3, 2)), author.tensor((3, 2), name="output")
    author.operator("SELECT", [condition, left, right], [output], "SelectOptions")
    with pytest.raises(UnsupportedError, match="different shapes"):
        author.outputs(output).graph(tmp_path)


@pytest.mark.parametrize("code", ["MAXIMUM", "MINIMUM", "SELECT", "SELECT_V2"])
@pytest.mark.parametrize("place", [0, 1, 2], ids=["left", "right", "output"])
def test_choices_between_scales_are_refused(code, place, tmp_path):
    """TensorFlow Lite Micro moves the integers and asks for no scale, so that the file has no one meaning."""
    author, scales = Author(), [0.1, 0.1, 0.1]
    scales[place] = 0.2
    inputs = [author.input((1, 4), name=name, scale=scale) for name, scale in zip("ab", scales, strict=False)]
    if code.startswith("SELECT"):
        inputs.insert(0, author.input((1, 4), BOOL, name="condition"))
    output = author.tensor((1, 4), name="output", scale=scales[2])
    author.operator(code, inputs, [output], version=1)
    graph = author.outputs(output).graph(tmp_path)
    values = {name: np.zeros((1, 4), graph.tensors[name].dtype.numpy) for name in graph.inputs}
    with pytest.raises(UnsupportedError, match="scale"):
        execute(graph, values)
