"""Gradients: against PyTorch's autograd, against plain loops for every bit, and cases made by hand."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from tinyml_core.arithmetic.executor import ReferenceExecutor, execute
from tinyml_core.errors import GraphError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import (
    RELU6,
    BiasGradient,
    Conv2D,
    Conv2DInputGradient,
    Conv2DWeightGradient,
    DepthwiseConv2D,
    DepthwiseInputGradient,
    DepthwiseWeightGradient,
    FullyConnected,
    MaskedScale,
    MaxPool2D,
    MaxPoolGradient,
    MergeChannels,
    SaturationMask,
)
from tinyml_core.graph.verify import verify

F = np.float32
ZERO_POINT = -7
ACTIVATION = Quantization.per_tensor(0.1, ZERO_POINT)
UNIT = Quantization.per_tensor(1.0)


def graph_of(op, *operands, quantization=None):
    """One node whose inputs are all variables; an operand is an array, or one with its quantisation."""
    b = GraphBuilder("gradient")
    pairs = [operand if isinstance(operand, tuple) else (operand, None) for operand in operands]
    names = [
        b.input(f"x{place}", array.shape, DType(array.dtype.name), given) for place, (array, given) in enumerate(pairs)
    ]
    graph = verify(b.build([b.node(op, names, name="y", quantization=quantization)]))
    return graph, {name: array for name, (array, _) in zip(names, pairs, strict=True)}


def run(op, *operands, quantization=None):
    graph, inputs = graph_of(op, *operands, quantization=quantization)
    return execute(graph, inputs)["y"]


def spread(*shape, seed=0):
    """Magnitudes far apart, so that another order of the sum gives other bits."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 1, shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(F)


def whole(*shape, seed=0):
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def same(found, expected):
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


WINDOWS = [
    ({}, (1, 1)),
    ({}, (3, 3)),
    ({"padding": (1, 1, 1, 1)}, (3, 3)),
    ({"stride": (2, 2), "padding": (0, 1, 0, 1)}, (3, 3)),
    ({"stride": (2, 2)}, (1, 1)),
    ({"stride": (2, 1), "padding": (1, 0, 2, 1), "dilation": (1, 2)}, (3, 2)),
    ({"stride": (1, 2), "padding": (3, 2, 0, 0), "dilation": (2, 1)}, (2, 4)),
    ({"stride": (3, 3), "padding": (2, 2, 2, 2)}, (2, 2)),
    ({"padding": (3, 3, 3, 3)}, (7, 7)),
]
"""Attributes and kernel size; some windows leave rows of the input unread, some read nothing but padding."""
HEIGHT, WIDTH, SOURCES, FILTERS = 7, 8, 3, 4
cases = pytest.mark.parametrize(("attributes", "kernel"), WINDOWS)
multipliers = pytest.mark.parametrize("multiplier", [0, 1, 2], ids=["full", "depthwise", "multiplier 2"])


def output_size(attributes, kernel):
    image = np.zeros((1, HEIGHT, WIDTH, 1), F)
    graph, _ = graph_of(Conv2D(**attributes), image, np.zeros((1, *kernel, 1), F))
    return graph.tensors["y"].shape[1:3]


def operands(attributes, kernel, multiplier):
    """int8 input, int8 weights and an output's gradient; ``multiplier`` 0 stands for a full convolution."""
    filters = SOURCES * multiplier or FILTERS
    weights = whole(1, *kernel, filters, seed=1) if multiplier else whole(filters, *kernel, SOURCES, seed=1)
    return whole(1, HEIGHT, WIDTH, SOURCES), weights, spread(1, *output_size(attributes, kernel), filters, seed=2)


def differentiated(attributes, image, weights, gradient, multiplier):
    """Gradients of input, weights and bias by autograd in double precision."""
    x = torch.tensor(image.astype(np.float64) - ZERO_POINT, requires_grad=True)
    w = torch.tensor(weights.astype(np.float64), requires_grad=True)
    bias = torch.zeros(gradient.shape[-1], dtype=torch.float64, requires_grad=True)
    top, bottom, left, right = attributes.get("padding", (0, 0, 0, 0))
    y = functional.conv2d(
        functional.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom)),
        w.permute(3, 0, 1, 2) if multiplier else w.permute(0, 3, 1, 2),
        bias,
        stride=attributes.get("stride", (1, 1)),
        dilation=attributes.get("dilation", (1, 1)),
        groups=SOURCES if multiplier else 1,
    ).permute(0, 2, 3, 1)
    y.backward(torch.tensor(gradient.astype(np.float64)))
    return [parameter.grad.numpy() for parameter in (x, w, bias)]


def distance(found, expected):
    return np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-30)


def input_gradient(attributes, multiplier):
    geometry = {**attributes, "height": HEIGHT, "width": WIDTH}
    return DepthwiseInputGradient(**geometry, multiplier=multiplier) if multiplier else Conv2DInputGradient(**geometry)


def weight_gradient(attributes, kernel, multiplier):
    return (DepthwiseWeightGradient if multiplier else Conv2DWeightGradient)(**attributes, kernel=kernel)


@multipliers
@cases
def test_convolutions_against_autograd(attributes, kernel, multiplier):
    image, weights, gradient = operands(attributes, kernel, multiplier)
    of_input, of_weights, of_bias = differentiated(attributes, image, weights, gradient, multiplier)
    assert distance(run(input_gradient(attributes, multiplier), gradient, (weights, UNIT)), of_input) <= 1e-6
    found = run(weight_gradient(attributes, kernel, multiplier), (image, ACTIVATION), gradient)
    assert distance(found, of_weights) <= 1e-6
    assert distance(run(BiasGradient(), gradient), of_bias) <= 1e-6


def geometry_of(op, kernel, size):
    """Output pixel, tap and the pixel that it reads, in memory order, without those in the padding."""
    for row, column, y, x in itertools.product(*map(range, (*size, *kernel))):
        h = row * op.stride[0] + y * op.dilation[0] - op.padding[0]
        v = column * op.stride[1] + x * op.dilation[1] - op.padding[2]
        if 0 <= h < HEIGHT and 0 <= v < WIDTH:
            yield row, column, y, x, h, v


@cases
def test_the_order_of_a_convolution(attributes, kernel):
    image, weights, gradient = operands(attributes, kernel, 0)
    op = input_gradient(attributes, 0)
    steps = list(geometry_of(op, kernel, gradient.shape[1:3]))
    expected = np.zeros(image.shape, F)
    for out in range(FILTERS):
        for row, column, y, x, h, v in sorted(steps, key=lambda step: step[2:4]):
            for channel in range(SOURCES):
                expected[0, h, v, channel] += gradient[0, row, column, out] * F(weights[out, y, x, channel])
    same(run(op, gradient, (weights, UNIT)), expected)
    expected = np.zeros(weights.shape, F)
    for row, column, y, x, h, v in steps:
        for out, channel in np.ndindex(FILTERS, SOURCES):
            centred = F(int(image[0, h, v, channel]) - ZERO_POINT)
            expected[out, y, x, channel] += centred * gradient[0, row, column, out]
    same(run(weight_gradient(attributes, kernel, 0), (image, ACTIVATION), gradient), expected)


@pytest.mark.parametrize("multiplier", [1, 2])
@cases
def test_the_order_of_a_depthwise_convolution(attributes, kernel, multiplier):
    image, weights, gradient = operands(attributes, kernel, multiplier)
    op = input_gradient(attributes, multiplier)
    steps = list(geometry_of(op, kernel, gradient.shape[1:3]))
    expected = np.zeros(image.shape, F)
    for copy in range(multiplier):
        for row, column, y, x, h, v in sorted(steps, key=lambda step: step[2:4]):
            for channel in range(SOURCES):
                out = channel * multiplier + copy
                expected[0, h, v, channel] += gradient[0, row, column, out] * F(weights[0, y, x, out])
    same(run(op, gradient, (weights, UNIT)), expected)
    expected = np.zeros(weights.shape, F)
    for row, column, y, x, h, v in steps:
        for out in range(weights.shape[3]):
            centred = F(int(image[0, h, v, out // multiplier]) - ZERO_POINT)
            expected[0, y, x, out] += centred * gradient[0, row, column, out]
    same(run(weight_gradient(attributes, kernel, multiplier), (image, ACTIVATION), gradient), expected)


def test_float_parameters_have_gradients_too():
    attributes, kernel = WINDOWS[5]
    image, weights, gradient = operands(attributes, kernel, 0)
    x, w = image.astype(F), weights.astype(F)
    same(run(input_gradient(attributes, 0), gradient, w), run(input_gradient(attributes, 0), gradient, (weights, UNIT)))
    op = weight_gradient(attributes, kernel, 0)
    same(run(op, x, gradient), run(op, (image, UNIT), gradient))


def test_the_order_of_a_bias():
    gradient = spread(1, 5, 6, 3)
    expected = np.zeros(3, F)
    for row, column in np.ndindex(5, 6):
        expected += gradient[0, row, column]
    same(run(BiasGradient(), gradient), expected)
    assert np.any(expected != run(BiasGradient(), gradient[:, ::-1])), "the order of the sum does not show"
    same(run(BiasGradient(), np.array([[-0.0, 1.5]], F)), np.array([0.0, 1.5], F))


@multipliers
def test_padding_contributes_nothing_even_to_infinities(multiplier):
    attributes, kernel = {"padding": (1, 1, 1, 1)}, (3, 3)
    image, _, gradient = operands(attributes, kernel, multiplier)
    gradient[0, 0, 0] = math.inf
    found = run(weight_gradient(attributes, kernel, multiplier), (image, ACTIVATION), gradient)
    assert np.isfinite(found[:, 0]).all()
    assert np.isfinite(found[:, :, 0]).all()
    assert not np.isfinite(found[:, 1:, 1:]).any()


def test_saturation_mask():
    y = np.array([-128, -127, 0, 126, 127, 5, 6, 7, 8, 127, 127], np.int8)
    same(run(SaturationMask(), (y, UNIT), quantization=UNIT), np.array([0b11101110, 0b001], np.uint8))
    same(run(SaturationMask(5, 8), (y, UNIT), quantization=UNIT), np.array([0b11000000, 0b000], np.uint8))
    same(run(SaturationMask(-129, 128), (y, UNIT), quantization=UNIT), np.array([0b11111111, 0b111], np.uint8))


def test_masked_scale():
    gradient = np.array([[1.0, -2.0, math.inf], [math.nan, 5.0, -6.0], [0.1, 0.2, 0.3]], F).reshape(1, 1, 3, 3)
    bits = (np.array([0b11010010, 0b1], np.uint8), UNIT)
    factors = np.array([10.0, 0.5, 0.7], F)
    expected = np.array([[0, -1, 0], [0, 2.5, 0], [1, 0.1, F(0.3) * F(0.7)]], F).reshape(1, 1, 3, 3)
    same(run(MaskedScale(), gradient, bits, factors), expected)
    one = run(MaskedScale(), gradient.reshape(9, 1), bits, np.array([2.0], F))
    same(one, np.array([0, -4, 0, 0, 10, 0, 0.2, 0.4, 0.6], F).reshape(9, 1))


def test_a_mask_and_its_scale_are_the_gradient_of_a_clamp():
    y, gradient = whole(1, 4, 5, 3), spread(1, 4, 5, 3)
    real = torch.tensor(y.astype(F), requires_grad=True)
    (functional.hardtanh(real, -100.0, 90.0) * torch.tensor([0.5, 2.0, 3.0])).backward(torch.tensor(gradient))
    bits = run(SaturationMask(-100, 90), (y, UNIT), quantization=UNIT)
    same(run(MaskedScale(), gradient, (bits, UNIT), np.array([0.5, 2.0, 3.0], F)), real.grad.numpy() + F(0))


POOLS = [
    ({}, (1, 1)),
    ({"stride": (2, 2)}, (2, 2)),
    ({"stride": (1, 2), "padding": (1, 0, 0, 1)}, (2, 3)),
    ({"padding": (1, 1, 1, 1)}, (3, 3)),
]


@pytest.mark.parametrize(("attributes", "kernel"), POOLS)
def test_max_pooling_against_autograd(attributes, kernel):
    image = np.random.default_rng(0).permutation(HEIGHT * WIDTH * 3).reshape(1, HEIGHT, WIDTH, 3).astype(F)
    x = torch.tensor(image, requires_grad=True)
    top, bottom, left, right = attributes.get("padding", (0, 0, 0, 0))
    padded = functional.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom), value=-math.inf)
    y = functional.max_pool2d(padded, kernel, attributes.get("stride", 1)).permute(0, 2, 3, 1)
    gradient = spread(*y.shape)
    y.backward(torch.tensor(gradient))
    found = run(MaxPoolGradient(**attributes, kernel=kernel), image, y.detach().numpy(), gradient)
    assert distance(found, x.grad.numpy()) <= 1e-6


@pytest.mark.parametrize("levels", [2, 256])
@pytest.mark.parametrize(("attributes", "kernel"), POOLS)
def test_ties_of_max_pooling(attributes, kernel, levels):
    """The least integer is among the values, so that padding has to lose against it."""
    image = (np.random.default_rng(1).integers(0, levels, (1, HEIGHT, WIDTH, 3)) - 128).astype(np.int8)
    image[0, :3, :3] = -128
    greatest = run(MaxPool2D(**attributes, kernel=kernel), (image, UNIT), quantization=UNIT)
    gradient, expected = spread(*greatest.shape), np.zeros(image.shape, F)
    op = MaxPoolGradient(**attributes, kernel=kernel)
    for row, column, channel in np.ndindex(greatest.shape[1:]):
        for step in geometry_of(op, kernel, greatest.shape[1:3]):
            h, v = step[4:]
            if step[:2] == (row, column) and image[0, h, v, channel] == greatest[0, row, column, channel]:
                expected[0, h, v, channel] += gradient[0, row, column, channel]
                break
    same(run(op, (image, UNIT), (greatest, UNIT), gradient), expected)


def test_a_maximum_that_a_clamp_changed_has_no_gradient():
    image = np.array([[3, 9], [9, 1]], np.int8).reshape(1, 2, 2, 1)
    clamped = np.array([[[[6]]]], np.int8)
    assert not run(MaxPoolGradient(), (image, UNIT), (clamped, UNIT), np.ones((1, 1, 1, 1), F)).any()


# Variable weights


def layers():
    bias = np.arange(-2, 2, dtype=np.int32) * 1000
    per_filter = [0.01, 0.02, 0.03, 0.5]
    image = whole(1, 5, 6, 4)
    attributes = {"stride": (2, 1), "padding": (1, 0, 0, 1), "activation": RELU6}
    yield Conv2D(**attributes), image, (whole(4, 3, 2, 4, seed=1), Quantization.per_channel(per_filter, 0)), bias
    filters = (whole(1, 3, 2, 4, seed=1), Quantization.per_channel(per_filter, 3))
    yield DepthwiseConv2D(**attributes), image, filters, bias
    yield FullyConnected(), whole(1, 9), (whole(4, 9, seed=1), Quantization.per_channel(per_filter, 0)), bias


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("layer", list(layers()), ids=lambda layer: layer[0].kind)
def test_variable_parameters_are_as_constant_ones(layer, rounding):
    op, image, (weights, scales), bias = layer
    quantization = Quantization.per_tensor(0.05, -128)
    graph, inputs = graph_of(op, (image, ACTIVATION), (weights, scales), bias, quantization=quantization)
    variable = ReferenceExecutor(dataclasses.replace(graph, rounding=rounding))
    for change in (0, 1):
        values = {**inputs, "x1": weights // 2 + np.int8(change), "x2": bias * 3 + np.int32(change)}
        tensors = {
            name: dataclasses.replace(tensor, data=values.get(name) if name in ("x1", "x2") else None)
            for name, tensor in graph.tensors.items()
        }
        constant = dataclasses.replace(graph, tensors=tensors, inputs=("x0",), rounding=rounding)
        same(variable.run(values)["y"], execute(constant, {"x0": image})["y"])


def test_weights_that_are_merged_on_the_way():
    b = GraphBuilder("merged")
    scales = Quantization.per_channel([0.01, 0.02, 0.03], 0)
    weights, learnt = whole(3, 2, 2, 4), whole(3, 2, 2, 2, seed=1)
    x = b.input("x", (1, 4, 4, 4), DType.INT8, ACTIVATION)
    part = b.input("part", learnt.shape, DType.INT8, scales)
    merged = b.node(MergeChannels((1, 3)), [b.constant("w", weights, scales), part], name="m", quantization=scales)
    graph = verify(b.build([b.node(Conv2D(), [x, merged], name="y", quantization=ACTIVATION)]))
    image = whole(1, 4, 4, 4, seed=2)
    found = execute(graph, {"x": image, "part": learnt})["y"]
    weights = weights.copy()
    weights[..., [1, 3]] = learnt
    same(found, run(Conv2D(), (image, ACTIVATION), (weights, scales), quantization=ACTIVATION))


def test_what_constants_may_not_be_variables_may_not_either():
    skewed = Quantization.per_tensor(0.1, 1)
    graph, _ = graph_of(Conv2D(), (whole(1, 2, 2, 1), UNIT), (whole(1, 1, 1, 1), skewed), quantization=UNIT)
    with pytest.raises(UnsupportedError, match=r"'y' \(conv2d\): has weights with a zero point"):
        ReferenceExecutor(graph)


# Refusals


def refused():
    image, gradient = whole(1, 4, 4, 2), np.zeros((1, 4, 4, 3), F)
    weights = (whole(3, 1, 1, 2), UNIT)
    yield Conv2DInputGradient(height=4, width=4), (gradient[..., :2], weights), r"has shape \(1, 4, 4, 2\), not"
    yield Conv2DInputGradient(height=4, width=5), (gradient, weights), r"not \(1, 4, 5, 3\)"
    yield Conv2DInputGradient(height=4, width=4), (gradient[0], weights), "NHWC is needed"
    yield Conv2DInputGradient(height=0, width=4), (gradient, weights), r"shape \(1, 0, 4, 2\)"
    yield Conv2DInputGradient(height=4, width=4), ((image, UNIT), weights), "is int8, not float32"
    yield Conv2DInputGradient(height=4, width=4, activation=RELU6), (gradient, weights), "has no activation"
    yield DepthwiseInputGradient(height=4, width=4), (gradient, weights), "1HWC is needed"
    two = DepthwiseInputGradient(height=4, width=4, multiplier=2)
    yield two, (gradient, (whole(1, 1, 1, 3), UNIT)), "3 filters are no multiple of 2"
    yield Conv2DWeightGradient(kernel=(2, 1)), ((image, UNIT), gradient), r"not \(1, 3, 4, 3\)"
    yield Conv2DWeightGradient(), ((whole(2, 4, 4, 2), UNIT), np.zeros((2, 4, 4, 3), F)), "holds 2 samples"
    yield Conv2DWeightGradient(), (np.zeros((1, 4, 4, 2), np.int32), gradient), "is int32, not int8 or float32"
    yield DepthwiseWeightGradient(), ((image, UNIT), gradient), "3 filters are not a multiple of the 2"
    yield SaturationMask(), (gradient,), "is float32, not int8"
    yield SaturationMask(0, 200), ((image, UNIT),), "limits 0 and 200"
    yield MaskedScale(), (gradient, (whole(6).view(np.uint8)[:5], UNIT), np.zeros(3, F)), r"not uint8\[6\]"
    yield MaskedScale(), (gradient, (whole(6).view(np.uint8), UNIT), np.zeros(2, F)), r"not float32\[3\]"
    yield MaxPoolGradient(kernel=(1, 1)), ((image, UNIT), gradient, gradient), r"not \(1, 4, 4, 2\)"
    pooled = np.zeros((1, 3, 3, 2), F)
    yield MaxPoolGradient(), ((image, UNIT), pooled, pooled), "is no pooling of"


@pytest.mark.parametrize(("op", "given", "problem"), list(refused()))
def test_what_does_not_fit_is_refused(op, given, problem):
    with pytest.raises(GraphError, match=problem):
        graph_of(op, *given, quantization=UNIT)


def test_a_step_has_one_sample():
    graph, _ = graph_of(Conv2DWeightGradient(), (whole(1, 4, 4, 2), UNIT), np.zeros((1, 4, 4, 3), F))
    with pytest.raises(GraphError, match="a leading axis of 1 is needed to run several samples"):
        with_batch(graph, 2)


def test_multiply_accumulates_are_those_of_the_layer():
    attributes, kernel = WINDOWS[3]
    for multiplier in (0, 2):
        image, weights, gradient = operands(attributes, kernel, multiplier)
        layer, _ = graph_of(
            (DepthwiseConv2D if multiplier else Conv2D)(**attributes), image.astype(F), weights.astype(F)
        )
        backwards, _ = graph_of(input_gradient(attributes, multiplier), gradient, (weights, UNIT))
        of_weights, _ = graph_of(weight_gradient(attributes, kernel, multiplier), (image, UNIT), gradient)
        assert layer.macs == backwards.macs == of_weights.macs > 0
