"""Integer kernels against loops over Python integers."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import ReferenceExecutor, execute
from tinyml_core.arithmetic.lowering import (
    LOWERINGS,
    RescaleLowering,
    SingleRoundingAdd,
    lower,
    lower_mean,
)
from tinyml_core.arithmetic.reference import PREPARERS, SEVERAL
from tinyml_core.arithmetic.requantise import requantise
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.operators import (
    OPERATORS,
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    Conv2DWeightGradient,
    DepthwiseConv2D,
    DepthwiseWeightGradient,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    MaxPoolGradient,
    Mean,
    MergeChannels,
    Pad,
    Quantize,
    Reshape,
    SaturatingSubtract,
    SaturationMask,
    Select,
    Softmax,
)
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs


def inside(op, image, kernel, row, column):
    """(tap, position) of the taps of one window that lie inside the image."""
    for y, x in itertools.product(range(kernel[0]), range(kernel[1])):
        h = row * op.stride[0] + y * op.dilation[0] - op.padding[0]
        w = column * op.stride[1] + x * op.dilation[1] - op.padding[2]
        if 0 <= h < image.shape[1] and 0 <= w < image.shape[2]:
            yield (y, x), (h, w)


def accumulator(op, image, zero_point, weights, bias, index):
    """What a 32-bit accumulator holds for the output at ``index``, in Python integers."""
    total = int(bias[index[-1]])
    if isinstance(op, FullyConnected):
        total += sum((int(x) - zero_point) * int(w) for x, w in zip(image[index[0]], weights[index[1]], strict=True))
    else:
        n, row, column, channel = index
        kernel = weights.shape[1:3]
        for (y, x), (h, w) in inside(op, image, kernel, row, column):
            if isinstance(op, DepthwiseConv2D):
                source = channel // (weights.shape[3] // image.shape[3])
                total += (int(image[n, h, w, source]) - zero_point) * int(weights[0, y, x, channel])
            else:
                for c in range(image.shape[3]):
                    total += (int(image[n, h, w, c]) - zero_point) * int(weights[channel, y, x, c])
    return (total + (1 << 31)) % (1 << 32) - (1 << 31)


@pytest.mark.parametrize("operator", [Conv2D, DepthwiseConv2D, FullyConnected], ids=lambda operator: operator.kind)
@pytest.mark.parametrize("seed", range(12))
def test_linear(operator, seed):
    choose = choose_from(np.random.default_rng(seed))
    graph = random_graph(choose, nodes=[1], operators=[operator])
    inputs = random_inputs(graph, choose)
    node = graph.nodes[-1]
    found = execute(graph, inputs, keep=node.inputs[:1])
    lowering = lower(node, graph)
    image, output = found[node.inputs[0]], found[node.outputs[0]]
    for index in itertools.islice(np.ndindex(output.shape), 60):
        total = accumulator(node.op, image, lowering.input_zero_point, lowering.weights, lowering.bias, index)
        to = lowering.requantisation
        rescaled = requantise(np.full(len(lowering.bias), total, np.int64), to.by)[index[-1]]
        assert output[index] == min(max(int(rescaled) + to.zero_point, to.low), to.high)


def one_node(op, shape, quantization, output=None, rounding=Rounding.SINGLE, inputs=1):
    b = GraphBuilder("one", rounding)
    names = [b.input(f"x{i}", shape, DType.INT8, quantization) for i in range(inputs)]
    return b.build([b.node(op, names, name="y", quantization=output or quantization)])


def random_int8(shape, seed=0):
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize("extreme", [-128, 127])
@pytest.mark.parametrize("zero_point", [-128, 127])
@pytest.mark.parametrize("rounding", Rounding)
def test_extremes_never_wrap_at_8_or_16_bits(extreme, zero_point, rounding):
    b = GraphBuilder("extreme", rounding)
    x = b.input("x", (1, 1, 1, 600), DType.INT8, Quantization.per_tensor(1.0, zero_point))
    w = b.constant("w", np.full((2, 1, 1, 600), -128, np.int8), Quantization.per_tensor(1.0))
    y = b.node(Conv2D(), [x, w], quantization=Quantization.per_tensor(2.0**18, 0))
    result = execute(b.build([y]), {"x": np.full((1, 1, 1, 600), extreme, np.int8)})[y]
    assert result.ravel().tolist() == [round((extreme - zero_point) * -128 * 600 / 2**18)] * 2


def test_accumulators_wrap_at_32_bits():
    b = GraphBuilder("wrap")
    x = b.input("x", (1, 1), DType.INT8, Quantization.per_tensor(1.0, 0))
    w = b.constant("w", np.full((1, 1), 1, np.int8), Quantization.per_tensor(2.0**-26))
    bias = b.constant("b", np.array([(1 << 31) - 1], np.int32), Quantization.per_tensor(2.0**-26))
    y = b.node(FullyConnected(), [x, w, bias], quantization=Quantization.per_tensor(1.0, 0))
    graph = b.build([y])
    assert execute(graph, {"x": np.array([[0]], np.int8)})[y].item() == 32
    assert execute(graph, {"x": np.array([[1]], np.int8)})[y].item() == -32


@pytest.mark.parametrize("seed", range(6))
def test_poolings(seed):
    rng = np.random.default_rng(seed)
    image = random_int8((1, 6, 7, 3), seed)
    attributes = {"kernel": (3, 2), "stride": (2, 1), "padding": tuple(int(rng.integers(0, 2)) for _ in range(4))}
    quantization = Quantization.per_tensor(0.1, 4)
    for operator in (AveragePool2D, MaxPool2D):
        op = operator(**attributes, activation=(-5.0, 5.0))
        output = execute(one_node(op, image.shape, quantization), {"x0": image})["y"]
        for index in np.ndindex(output.shape):
            values = [int(image[0, h, w, index[3]]) for _, (h, w) in inside(op, image, op.kernel, *index[1:3])]
            exact = Fraction(sum(values), len(values))
            away = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
            value = away if operator is AveragePool2D else max(values)
            assert output[index] == min(max(value, -46), 54)


@pytest.mark.parametrize("axes", [(1, 2), (3,), (1,), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("rounding", Rounding)
def test_mean_is_near_the_real_one(axes, rounding):
    image, source, target = (
        random_int8((1, 5, 4, 3)),
        Quantization.per_tensor(0.1, 9),
        Quantization.per_tensor(0.07, -3),
    )
    for keep in (False, True):
        graph = one_node(Mean(axes, keep), image.shape, source, target, rounding)
        output = execute(graph, {"x0": image})["y"]
        real = (image.astype(np.float64) - 9).mean(axis=axes, keepdims=keep) * source.scale[0] / target.scale[0] - 3
        assert output.shape == real.shape
        tolerance = 1e-4 if rounding is Rounding.SINGLE else 0.25  # two roundings
        assert np.abs(output - np.clip(real, -128, 127)).max() <= 0.5 + tolerance
        assert lower_mean(graph.nodes[0], graph).count * real.size == image.size


@pytest.mark.parametrize("ratio", [2.0**-28, 1e-3, 0.4, 1.0, 1.7, 300.0, 2.0**18.9])
def test_single_rounding_addition_is_within_a_hair_of_the_nearest(ratio):
    b = GraphBuilder("add")
    left = b.input("a", (1, 256, 256, 1), DType.INT8, Quantization.per_tensor(ratio, 100))
    right = b.input("b", (1, 256, 256, 1), DType.INT8, Quantization.per_tensor(ratio / 3, -128))
    y = b.node(Add(), [left, right], quantization=Quantization.per_tensor(1.0, 7))
    graph = b.build([y])
    lowering = lower(graph.nodes[0], graph)
    assert isinstance(lowering, SingleRoundingAdd)
    every = np.arange(-128, 128, dtype=np.int8)
    a = np.broadcast_to(every[:, None], (256, 256)).reshape(1, 256, 256, 1)
    c = np.broadcast_to(every[None, :], (256, 256)).reshape(1, 256, 256, 1)
    # What C computes: in 32 bits from end to end.
    first, second = (np.int32(mantissa) for mantissa in lowering.mantissa)
    in_32_bits = first * a.astype(np.int32) + second * c.astype(np.int32) + np.int32(lowering.constant)
    in_c = np.clip((in_32_bits >> lowering.shift) + lowering.zero_point, lowering.low, lowering.high)
    output = execute(graph, {"a": a, "b": c})[y]
    assert np.array_equal(in_c, output)
    scales = [graph.tensors[name].scale for name in graph.inputs]
    real = np.clip((a.astype(float) - 100) * scales[0] + (c.astype(float) + 128) * scales[1] + 7, -128, 127)
    assert np.abs(output - real).max() <= 0.5 + 255 * 2 * max(2.0**-31, ratio * 2.0**-20)


@pytest.mark.parametrize("seed", range(4))
def test_both_roundings_of_a_layer_stay_within_one(seed):
    results = []
    image, weights = random_int8((1, 6, 6, 8), seed), random_int8((12, 3, 3, 8), seed + 1)
    scales = np.random.default_rng(seed).uniform(0.001, 0.01, 12)
    for rounding in Rounding:
        b = GraphBuilder("both", rounding)
        x = b.input("x", image.shape, DType.INT8, Quantization.per_tensor(0.05, 3))
        w = b.constant("w", weights, Quantization.per_channel(scales, 0))
        y = b.node(Conv2D(), [x, w], quantization=Quantization.per_tensor(0.3, -7))
        results.append(execute(b.build([y]), {"x": image})[y].astype(int))
    assert np.abs(results[0] - results[1]).max() <= 1
    assert len(np.unique(results[0])) > 50


@pytest.mark.parametrize("rounding", Rounding)
def test_clamp_and_requantisation_agree_with_real_numbers(rounding):
    every = np.arange(-128, 128, dtype=np.int8)[None]
    source, target = Quantization.per_tensor(0.11, -20), Quantization.per_tensor(0.04, 30)
    graph = one_node(Clamp((-1.0, 2.0)), every.shape, source, target, rounding)
    output = execute(graph, {"x0": every})["y"]
    real = np.clip((every.astype(float) + 20) * 0.11, -1, 2) / 0.04 + 30
    assert np.abs(output - real).max() <= 0.5 + 1e-5
    assert isinstance(lower(graph.nodes[0], graph), RescaleLowering)


@pytest.mark.parametrize(("source", "target"), [*itertools.permutations([DType.INT8, DType.UINT8, DType.INT16], 2)])
def test_quantize_between_integer_types(source, target):
    b = GraphBuilder("types")
    values = np.array([[source.limits[0], 0, 1, 100, source.limits[1]]], source.numpy)
    x = b.input("x", values.shape, source, Quantization.per_tensor(0.5, 0))
    y = b.node(Quantize(target.value), [x], quantization=Quantization.per_tensor(0.25, 10))
    expected = np.clip(values.astype(int) * 2 + 10, *target.limits)
    result = execute(b.build([y]), {"x": values})[y]
    assert result.dtype == target.numpy
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("length", [1, 2, 10, 256, 600, 4095])
def test_softmax_is_near_the_real_one(length):
    values = random_int8((2, length))
    graph = one_node(Softmax(), values.shape, Quantization.per_tensor(0.06, 5), Quantization.per_tensor(1 / 256, -128))
    output = (execute(graph, {"x0": values})["y"].astype(float) + 128) / 256
    shares = np.exp(values.astype(float) * 0.06)
    assert np.abs(output - shares / shares.sum(axis=1, keepdims=True)).max() <= 0.6 / 256 + (length == 1) / 256


def test_softmax_of_many_equals_rounds_to_nothing():
    values = np.zeros((1, 4095), np.int8)
    graph = one_node(Softmax(), values.shape, Quantization.per_tensor(0.1), Quantization.per_tensor(1 / 256, -128))
    assert set(execute(graph, {"x0": values})["y"].ravel().tolist()) == {-128}


def test_movements_keep_values_and_fill_with_the_zero_point():
    values = random_int8((1, 2, 3, 2))
    quantization = Quantization.per_tensor(0.1, -7)
    padded = execute(one_node(Pad(((0, 0), (1, 0), (0, 2), (0, 0))), values.shape, quantization), {"x0": values})["y"]
    assert np.array_equal(padded[:, 1:, :3], values)
    assert set(padded[:, :1].ravel().tolist()) | set(padded[:, :, 3:].ravel().tolist()) == {-7}
    graph = one_node(Reshape((1, 12)), values.shape, quantization)
    result = execute(graph, {"x0": values})["y"]
    assert np.array_equal(result, values.reshape(1, 12))
    assert not np.shares_memory(result, values)


@pytest.mark.parametrize(("value", "fill"), [(0.0, -7), (0.5, -2), (-0.25, -10), (1e9, 127), (-math.inf, -128)])
def test_pad_quantises_its_value(value, fill):
    op = Pad(((0, 0), (1, 0)), value=value)
    padded = execute(one_node(op, (1, 2), Quantization.per_tensor(0.1, -7)), {"x0": np.array([[5, 6]], np.int8)})
    assert padded["y"].tolist() == [[fill, 5, 6]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("reflect", [3, 2, 1, 2, 3, 2]), ("symmetric", [2, 1, 1, 2, 3, 3]), ("edge", [1, 1, 1, 2, 3, 3]),
     ("wrap", [2, 3, 1, 2, 3, 1])],
)  # fmt: skip
def test_pad_modes(mode, expected):
    graph = one_node(Pad(((0, 0), (2, 1)), mode), (1, 3), Quantization.per_tensor(0.1, -7))
    assert execute(graph, {"x0": np.array([[1, 2, 3]], np.int8)})["y"].tolist() == [expected]


def test_int32_can_be_moved():
    b = GraphBuilder("moved")
    x = b.input("x", (2, 3), DType.INT32)
    y = b.node(Pad(((0, 0), (1, 0))), [b.node(Reshape((3, 2)), [x])])
    values = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert execute(b.build([y]), {"x": values})[y].tolist() == [[0, 0, 1], [0, 2, 3], [0, 4, 5]]


@pytest.mark.parametrize("seed", range(10))
def test_a_batch_is_its_samples_one_by_one(seed):
    choose = choose_from(np.random.default_rng(seed))
    operators = [Conv2D, DepthwiseConv2D, FullyConnected, AveragePool2D, MaxPool2D, Add, Clamp, Softmax]
    graph = random_graph(choose, operators=operators)
    samples = [random_inputs(graph, choose) for _ in range(3)]
    together = execute(with_batch(graph, 3), {"image": np.concatenate([sample["image"] for sample in samples])})
    executor = ReferenceExecutor(graph)
    alone = [executor.run(sample) for sample in samples]
    for name in graph.outputs:
        assert np.array_equal(together[name], np.concatenate([outputs[name] for outputs in alone]))


def test_what_is_lowered_can_be_executed():
    assert {operator for operator, _ in PREPARERS} <= set(OPERATORS.values())
    of_int8 = {operator for operator, dtype in (*PREPARERS, *SEVERAL) if dtype is DType.INT8}
    raw = {MaxPoolGradient, MergeChannels, SaturatingSubtract, SaturationMask}  # integers without their scales
    raw |= {Conv2DWeightGradient, DepthwiseWeightGradient}  # float32 results
    assert set(LOWERINGS) == {*of_int8, Select} - raw  # a choice starts with its condition, which is no int8


def unsupported():
    q, other = Quantization.per_tensor(0.1), Quantization.per_tensor(0.2)
    int16 = GraphBuilder("int16")
    x = int16.input("x", (1, 2, 2, 1), DType.INT16, Quantization.per_tensor(0.1, 3))
    y = int16.node(MaxPool2D(), [x], name="y", quantization=Quantization.per_tensor(0.1, 3))
    yield int16.build([y]), "max_pool2d.*int16.*zero point 3"
    yield one_node(AveragePool2D(), (1, 2, 2, 1), q, other), "average_pool2d.*differ"
    yield one_node(Reshape((1, 4)), (1, 2, 2, 1), q, other), "reshape.*differ"
    yield one_node(Softmax(), (1, 4), q, other), "softmax.*1/256"
    yield one_node(Softmax(), (1, 4096), q, Quantization.per_tensor(1 / 256, -128)), "softmax.*4096"
    yield one_node(Softmax(1e-9), (1, 4), q, Quantization.per_tensor(1 / 256, -128)), "softmax.*beta"
    tiny = Quantization.per_tensor(1e-9)
    yield one_node(Add(), (1, 4), Quantization.per_tensor(1.0), tiny, inputs=2), "add.*beyond 32-bit"
    yield one_node(Clamp(), (1, 4), Quantization.per_tensor(1e5), tiny), "clamp.*beyond 32-bit"
    wide = GraphBuilder("wide")
    x = wide.input("x", (1, 4), DType.INT32, q)
    yield wide.build([wide.node(Dequantize(), [x], name="y")]), "dequantize.*int32"
    for weights, scale, problem in (
        (np.ones((2, 4), np.int16), q, "int8 weights"),
        (np.ones((2, 4), np.int8), Quantization((0.1,), (1,)), "zero point"),
        (np.ones((4, 4), np.int8), Quantization.per_channel(np.ones(4), 1), "another axis"),
    ):
        b = GraphBuilder("weights")
        x = b.input("x", (1, 4), DType.INT8, q)
        yield (
            b.build([b.node(FullyConnected(), [x, b.constant("w", weights, scale)], name="y", quantization=q)]),
            problem,
        )
    b = GraphBuilder("bias")
    x = b.input("x", (1, 4), DType.INT8, q)
    w = b.constant("w", np.ones((2, 4), np.int8), q)
    bias = b.constant("b", np.ones(2, np.float32))
    yield b.build([b.node(FullyConnected(), [x, w, bias], name="y", quantization=q)]), "int32 bias"


@pytest.mark.parametrize(("graph", "problem"), [*unsupported()])
def test_what_is_not_defined_is_refused_by_name(graph, problem):
    for rounding in Rounding:
        with pytest.raises(UnsupportedError, match=problem) as caught:
            ReferenceExecutor(replace(graph, rounding=rounding))
        assert "node 'y'" in str(caught.value)
