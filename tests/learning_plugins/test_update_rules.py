"""The update rules against plain formulae in float64, and what every rule must keep to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.api.optimizer import Parameter, TrainingOptimizer
from tinyml_core.errors import InputError
from tinyml_core.graph.tensor import DType

SCALES = (0.02, 3e-4, 3.9e-9, 0.5, 1e-7, 0.0078)
DEAD = [2]
INPUT_SCALE = 0.0235
WEIGHT = Parameter("w", "weight", (6, 3, 3, 4), DType.INT8, 0, SCALES, INPUT_SCALE, 7)
DEPTHWISE = Parameter("w", "weight", (1, 5, 5, 6), DType.INT8, 3, SCALES, INPUT_SCALE, 7)
BIAS = Parameter("w", "bias", (6,), DType.INT32, 0, SCALES, INPUT_SCALE, 7)
PER_TENSOR = Parameter("w", "weight", (5, 7), DType.INT8, 0, (0.03,), INPUT_SCALE, 7)
HEAD = Parameter("w", "weight", (10, 6), DType.FLOAT32, 0, None, 1.0, 7)
INTEGERS = {"weight": WEIGHT, "depthwise": DEPTHWISE, "bias": BIAS, "per-tensor": PER_TENSOR}
RULES = ("sgd", "qas", "momentum", "adam")


def unit(parameter, scaling):
    """What one integer stands for, and which elements are alive, both broadcast over the parameter."""
    if parameter.scale is None:
        return np.array(1.0), np.array(True)
    shape = [1] * len(parameter.shape)
    shape[parameter.axis] = -1
    scale = np.array(parameter.scale, np.float64).reshape(shape)
    size = scale * (parameter.input_scale if parameter.role == "bias" else 1)
    return (size if scaling == "qas" else np.ones_like(size)), scale >= 1e-7


class Formula:
    """The rule in float64: the real step in stored units."""

    def __init__(self, name, parameter, scaling):
        self.name = name
        self.unit, self.alive = unit(parameter, scaling)
        self.first = self.second = 0.0
        self.steps = 0

    def step(self, gradient, rate):
        self.steps += 1
        gradient = np.where(self.alive, gradient, 0.0) / self.unit  # with respect to the real number
        if self.name == "momentum":
            self.first = gradient = 0.9 * self.first + gradient
        if self.name == "adam":
            self.first = 0.9 * self.first + 0.1 * gradient
            self.second = 0.999 * self.second + 0.001 * gradient**2
            rate = rate * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
            gradient = self.first / (np.sqrt(self.second) + 1e-8)
        return rate * gradient / self.unit


def assert_close(step, expected, parameter):
    """Equal to 2e-5, and to 1e-6 of the channel's largest step where old and new gradients cancel."""
    others = tuple(axis for axis in range(step.ndim) if axis != parameter.axis)
    largest = np.abs(expected).max(axis=others, keepdims=True)
    assert (np.abs(step - expected) <= 2e-5 * np.abs(expected) + 1e-6 * largest).all()


def some_values(parameter, rng):
    if parameter.dtype is DType.FLOAT32:
        return rng.normal(size=parameter.shape).astype(np.float32)
    low, high = (-128, 128) if parameter.dtype is DType.INT8 else (-100_000, 100_000)
    return rng.integers(low, high, parameter.shape).astype(parameter.dtype.numpy)


def options_of(name, scaling):
    return {"scaling": scaling} if name in ("momentum", "adam") else {}


@pytest.mark.parametrize("parameter", INTEGERS.values(), ids=INTEGERS)
@pytest.mark.parametrize(
    ("name", "scaling"),
    [("sgd", "none"), ("qas", "qas"), ("momentum", "qas"), ("momentum", "none"), ("adam", "qas"), ("adam", "none")],
)
def test_steps_are_those_of_the_formula(rule, name, scaling, parameter):
    rng = np.random.default_rng(1)
    stepped = rule(name, parameter, rounding="nearest", **options_of(name, scaling))
    formula = Formula(name, parameter, scaling)
    value = some_values(parameter, rng)
    limits = np.iinfo(parameter.dtype.numpy)
    for seed in range(4):
        gradient = (rng.normal(size=parameter.shape) * unit(parameter, scaling)[0] * 50).astype(np.float32)
        new, step = stepped.step(value, gradient, 0.1, seed)
        assert_close(step, formula.step(gradient.astype(np.float64), np.float32(0.1)), parameter)
        change = np.rint(step).clip(-(2.0**31), 2.0**31 - 1).astype(np.int64)
        np.testing.assert_array_equal(new, (value.astype(np.int64) - change).clip(limits.min, limits.max))
        value = new


@pytest.mark.parametrize("name", RULES)
def test_float_parameters_take_the_step_unrounded(rule, name):
    rng = np.random.default_rng(2)
    stepped, formula = rule(name, HEAD), Formula(name, HEAD, "none")
    value = some_values(HEAD, rng)
    for _ in range(3):
        gradient = rng.normal(size=HEAD.shape).astype(np.float32)
        new, step = stepped.step(value, gradient, 0.03)
        assert new.tobytes() == (value - step).tobytes()
        assert_close(step, formula.step(gradient.astype(np.float64), np.float32(0.03)), HEAD)
        value = new


@pytest.mark.parametrize("parameter", [PER_TENSOR, replace(BIAS, scale=(0.02,) * 6)], ids=["int8", "int32"])
@pytest.mark.parametrize("name", RULES)
def test_stochastic_rounding_takes_a_neighbour_and_keeps_the_mean(rule, name, parameter):
    rng = np.random.default_rng(3)
    gradient = rng.normal(size=parameter.shape) * unit(parameter, "none" if name == "sgd" else "qas")[0] ** 2
    value = np.zeros(parameter.shape, parameter.dtype.numpy)
    stepped = rule(name, parameter)
    start, changes = dict(stepped.state), []
    for seed in range(300):
        stepped.state = start
        new, step = stepped.step(value, gradient, 1.0, seed)
        changes.append(-new.astype(np.int64))
        assert (np.abs(changes[-1] - step) < 1).all()
    # The mean of 300 draws of a fraction has a standard deviation of at most 0.029.
    assert np.abs(np.mean(changes, axis=0) - step).max() < 0.15


@pytest.mark.parametrize("size", [1.0, 1e30, np.inf, np.nan])
@pytest.mark.parametrize("parameter", [WEIGHT, DEPTHWISE, BIAS], ids=["weight", "depthwise", "bias"])
@pytest.mark.parametrize("name", RULES)
def test_dead_channels_stay_to_the_bit(rule, name, parameter, size):
    rng = np.random.default_rng(4)
    stepped, value = rule(name, parameter), some_values(parameter, rng)
    start = value.copy()
    for seed in range(3):
        value, _ = stepped.step(value, np.full(parameter.shape, size, np.float32), 1.0, seed)
    dead = np.take(value, DEAD, parameter.axis)
    assert dead.tobytes() == np.take(start, DEAD, parameter.axis).tobytes()
    if size == 1.0:
        assert (np.take(value, 3, parameter.axis) != np.take(start, 3, parameter.axis)).any()


@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
@pytest.mark.parametrize("parameter", [PER_TENSOR, replace(BIAS, scale=(0.5,) * 6)], ids=["int8", "int32"])
def test_integers_saturate(rule, parameter, rounding):
    limits = np.iinfo(parameter.dtype.numpy)
    stepped = rule("sgd", parameter, rounding=rounding)
    for start, gradient, end in (
        (limits.max - 1, -100.0, limits.max), (limits.min + 1, 100.0, limits.min),
        (limits.max, -3e38, limits.max), (limits.min, 3e38, limits.min),
    ):  # fmt: skip
        value = np.full(parameter.shape, start, parameter.dtype.numpy)
        new, _ = stepped.step(value, np.full(parameter.shape, gradient), 1.0)
        assert (new == end).all()


def test_random_numbers_differ_between_steps_and_parameters_only(rule):
    gradient = np.full(WEIGHT.shape, 0.5)
    value = np.zeros(WEIGHT.shape, np.int8)

    def result(stream, seed):
        return rule("sgd", replace(WEIGHT, stream=stream)).step(value, gradient, 1.0, seed)[0].tobytes()

    assert result(7, 1) == result(7, 1)
    assert len({result(7, 1), result(7, 2), result(8, 1)}) == 3


@pytest.mark.parametrize(("name", "each", "more"), [("sgd", 0, 0), ("qas", 0, 0), ("momentum", 4, 0), ("adam", 8, 8)])
def test_state_is_told_in_bytes(platform, name, each, more):
    state = platform.create(TrainingOptimizer, name).state(WEIGHT)
    assert sum(tensor.bytes for tensor in state) == each * 6 * 3 * 3 * 4 + more
    assert all(tensor.name.startswith("w.") for tensor in state)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("momentum", {"momentum": 1.0}, "momentum is 1.0"),
        ("adam", {"beta2": -0.1}, "beta2 is -0.1"),
        ("adam", {"epsilon": 0.0}, "epsilon is 0.0"),
        ("adam", {"epsilon": float("nan")}, "epsilon is nan"),
        ("sgd", {"rounding": "truncate"}, "'truncate' is not one of"),
    ],
)
def test_options_out_of_range_are_refused(platform, name, options, said):
    with pytest.raises(InputError, match=said):
        platform.create(TrainingOptimizer, name, options)
