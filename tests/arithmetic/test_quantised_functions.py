"""int8 functions in `single` rounding against exact arithmetic, the edges of both modes, and what is refused."""

import math
from fractions import Fraction

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.arithmetic.fixed_point_functions import inverse_square_root, logarithm, logistic, reciprocal, tanh
from tinyml_core.arithmetic.lowering import lower
from tinyml_core.arithmetic.real_functions import FUNCTIONS
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization, Rounding
from tinyml_core.graph.operators import ArgReduce, Binary, L2Norm, LogSoftmax, Reduce, Select, Unary
from tinyml_core.graph.operators.pointwise import COMPARISONS, UNARY

Q = Quantization.per_tensor
ALL = np.arange(-128, 128, dtype=np.int8)
MATH = {"exp": math.exp, "sin": math.sin, "sigmoid": lambda x: 1 / (1 + math.exp(-x)), "negate": lambda x: -x}
LEFT, RIGHT, OUTPUT = Q(0.05, -7), Q(0.02, 30), Q(0.09, 11)


def pairs(function, output, rounding=Rounding.SINGLE, right=RIGHT):
    """Outputs [256, 256] for every pair of operands."""
    b = GraphBuilder("g", rounding)
    x, y = b.input("x", (256, 1), DType.INT8, LEFT), b.input("y", (1, 256), DType.INT8, right)
    z = b.node(Binary(function), [x, y], quantization=output)
    return execute(b.build([z]), {"x": ALL[:, None], "y": ALL[None]})[z]


def unary(op, source, output, rounding=Rounding.SINGLE, values=ALL):
    b = GraphBuilder("g", rounding)
    y = b.node(op, [b.input("x", values.shape, DType.INT8, source)], quantization=output)
    return execute(b.build([y]), {"x": values})[y]


def real(value, quantization):
    return Fraction(quantization.scale[0]) * (int(value) - quantization.zero_point[0])


def test_every_function_of_numbers_has_a_table():
    assert set(FUNCTIONS) == set(UNARY) - {"not"}


@pytest.mark.parametrize("function", MATH)
def test_tables_are_rounded_once_with_halves_away_from_zero(function):
    output = Q(0.01, -3)
    for value, result in zip(ALL, unary(Unary(function), Q(0.0625, 5), output), strict=True):
        exact = MATH[function](0.0625 * (int(value) - 5)) / output.scale[0]
        rounded = math.copysign(math.floor(abs(exact) + 0.5), exact)
        assert result == min(max(rounded - 3, -128), 127)


@pytest.mark.parametrize("rounding", Rounding)
def test_where_a_function_has_no_value_the_result_is_the_least(rounding):
    assert (unary(Unary("log"), Q(0.1, 0), Q(0.1, 0), rounding)[:128] == -128).all()
    assert (unary(Unary("rsqrt"), Q(0.1, 0), Q(0.1, 0), rounding)[:128] == -128).all()


@pytest.mark.parametrize(
    ("function", "exact"),
    [("multiply", lambda x, y: x * y), ("subtract", lambda x, y: x - y), ("divide", lambda x, y: x / y)],
)
def test_single_arithmetic_is_within_one_rounding(function, exact):
    result = pairs(function, OUTPUT)
    for i in range(0, 256, 5):
        for j in range(256):
            if function == "divide" and ALL[j] == RIGHT.zero_point[0]:
                continue
            ideal = exact(real(ALL[i], LEFT), real(ALL[j], RIGHT)) / Fraction(OUTPUT.scale[0]) + 11
            assert abs(min(max(ideal, -128), 127) - int(result[i, j])) <= Fraction(1, 2) + Fraction(1, 1000)


@pytest.mark.parametrize("rounding", Rounding)
def test_a_squared_difference_is_within_one_step(rounding):
    result = pairs("squared_difference", OUTPUT, rounding)
    for i in range(0, 256, 5):
        for j in range(256):
            ideal = (real(ALL[i], LEFT) - real(ALL[j], RIGHT)) ** 2 / Fraction(OUTPUT.scale[0]) + 11
            assert abs(min(max(ideal, -128), 127) - int(result[i, j])) < 1


@pytest.mark.parametrize("rounding", Rounding)
def test_division_by_zero_gives_limits(rounding):
    column = pairs("divide", Q(0.01, 11), rounding)[:, list(ALL).index(30)]
    assert set(column[ALL < -7]) == {-128}
    assert set(column[ALL > -7]) == {127}
    assert column[list(ALL).index(-7)] == 11


@pytest.mark.parametrize("function", COMPARISONS)
def test_single_comparisons_are_exact(function):
    relation = {"equal": "__eq__", "greater": "__gt__", "greater_equal": "__ge__", "less": "__lt__",
                "less_equal": "__le__", "not_equal": "__ne__"}[function]  # fmt: skip
    right = Q(0.1, 4)  # twice the other scale, so that some are equal
    result = pairs(function, None, right=right)
    for i in range(0, 256, 3):
        expected = [getattr(real(ALL[i], LEFT), relation)(real(value, right)) for value in ALL]
        assert result[i].tolist() == expected


def test_prelu_keeps_what_is_positive():
    result = pairs("prelu", Q(0.05, -7))
    assert (result[ALL >= -7] == ALL[ALL >= -7, None]).all()
    ideal = real(-57, LEFT) * real(80, RIGHT) / Fraction(0.05)
    assert result[list(ALL).index(-57), list(ALL).index(80)] == round(ideal) - 7


@pytest.mark.parametrize("rounding", Rounding)
def test_normalisations_are_near_the_real_ones(rounding):
    values = np.random.default_rng(0).integers(-128, 128, (50, 10)).astype(np.int8)
    reals = 0.05 * (values.astype(float) - 3)
    root = np.sqrt((reals**2).sum(-1, keepdims=True))
    norm = unary(L2Norm(), Q(0.05, 3), Q(1 / 128), rounding, values)
    assert np.abs(norm - np.clip(128 * reals / root, -128, 127)).max() < 0.6
    share = reals - np.log(np.exp(reals).sum(-1, keepdims=True))
    logs = unary(LogSoftmax(), Q(0.05, 3), Q(1 / 16, 127), rounding, values)
    assert np.abs(logs - (16 * share + 127)).max() < 0.6


def test_fixed_point_functions_are_near_the_real_ones():
    for raw in (-(1 << 31) + 1, -(1 << 28), -12345, 0, 99999, 1 << 27, (1 << 31) - 1):
        assert abs(tanh(raw) / 2**31 - math.tanh(raw / 2**27)) < 1e-6
        assert abs(logistic(raw) / 2**31 - 1 / (1 + math.exp(-raw / 2**27))) < 1e-6
    for value in (1, 2, 3, 255, 65025, (1 << 29) - 1, 1 << 29, (1 << 31) - 1):
        mantissa, shift = inverse_square_root(value)
        assert abs(mantissa / 2**31 * 2.0**shift * math.sqrt(value) - 1) < 1e-5
        assert abs(reciprocal(value)[0] / 2**31 / 2 ** reciprocal(value)[1] * value - 1) < 1e-6
    for value in (1 << 19, 3 << 19, 12345678, (1 << 31) - 1):
        assert abs(logarithm(value) / 2**26 - math.log(value / 2**19)) < 1e-6


@pytest.mark.parametrize(("last", "expected"), [(False, 1), (True, 3)])
def test_of_equals_the_first_or_the_last_wins(last, expected):
    b = GraphBuilder("g", Rounding.SINGLE)
    y = b.node(ArgReduce(1, last=last, dtype="int32"), [b.input("x", (1, 4), DType.INT8, Q(1.0))])
    assert execute(b.build([y]), {"x": np.array([[1, 9, 3, 9]], np.int8)})[y].tolist() == [expected]


@pytest.mark.parametrize(
    ("op", "inputs", "output"),
    [
        (Unary("not"), [Q(0.1)], Q(0.1)),
        (Unary("hard_swish"), [Q(0.1)], Q(1e-6)),
        (Unary("leaky_relu", alpha=math.nan), [Q(0.1)], Q(0.1)),
        (Binary("power"), [Q(0.1)] * 2, Q(0.1)),
        (Binary("maximum"), [Q(0.1), Q(0.2)], Q(0.1)),
        (Binary("less"), [Q(1.0), Q(0.2)], None),
        (Binary("divide"), [Q(1.0), Q(0.001)], Q(1e-6)),
        (Reduce("product", (0,)), [Q(0.1)], Q(0.1)),
        (Reduce("max", (0,)), [Q(0.1)], Q(0.2)),
        (L2Norm(), [Q(0.1)], Q(0.1)),
        (LogSoftmax(), [Q(0.1)], Q(0.1)),
        (LogSoftmax(), [Q(1e-9)], Q(1 / 16, 127)),
    ],
)
def test_what_has_no_integer_arithmetic_is_refused_by_name(op, inputs, output):
    b = GraphBuilder("g", Rounding.TFLITE)
    y = b.node(op, [b.input(f"x{i}", (4,), DType.INT8, each) for i, each in enumerate(inputs)], quantization=output)
    graph = b.build([y])
    with pytest.raises(UnsupportedError, match=f"node '{y}'"):
        lower(graph.nodes[0], graph)


def test_a_choice_between_scales_is_refused():
    b = GraphBuilder("g", Rounding.TFLITE)
    condition = b.input("c", (4,), DType.BOOL)
    choices = [b.input(name, (4,), DType.INT8, Q(scale)) for name, scale in (("x", 0.1), ("y", 0.2))]
    graph = b.build([b.node(Select(), [condition, *choices], quantization=Q(0.1))])
    with pytest.raises(UnsupportedError, match="scale"):
        lower(graph.nodes[0], graph)
