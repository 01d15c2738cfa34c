"""Lion against its formula, in training, and on the emulated core."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinyml_core import Platform
from tinyml_core.api.optimizer import Parameter, TrainingOptimizer
from tinyml_core.api.update_selector import LayerUpdate, UpdateScheme
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.errors import InputError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, Conv2D, FullyConnected, Reshape
from tinyml_core.graph.verify import verify
from tinyml_core.npz import write_npz
from tinyml_core.pipeline.adaptation import AdaptOptions
from tinyml_core.training import FloatHead, Simulation, build_step

SCALES = (0.02, 3e-4, 3.9e-9, 0.5, 0.0078)
DEAD = 2
WEIGHT = Parameter("w", "weight", (5, 3, 3, 4), DType.INT8, 0, SCALES, 0.0235, 7)
DEPTHWISE = Parameter("w", "weight", (1, 5, 5, 5), DType.INT8, 3, SCALES, 0.0235, 7)
BIAS = Parameter("w", "bias", (5,), DType.INT32, 0, SCALES, 0.0235, 7)
HEAD = Parameter("w", "weight", (10, 6), DType.FLOAT32, 0, None, 1.0, 7)


@pytest.fixture(scope="module")
def platform():
    return Platform()


class Stepped:
    """The rule on one parameter as a graph; ``momentum`` is what it keeps."""

    def __init__(self, optimizer, parameter):
        builder, self.momentum = GraphBuilder("rule"), np.zeros(parameter.shape, np.int8)
        quantization = Quantization.per_tensor(1.0) if parameter.scale is not None else None
        value = builder.input("p", parameter.shape, parameter.dtype, quantization)
        gradient = builder.input("g", parameter.shape, DType.FLOAT32)
        rate, seed = builder.input("rate", (1,), DType.FLOAT32), builder.input("seed", (1,), DType.INT32)
        (state,) = optimizer.state(parameter)
        kept = builder.input(state.name, state.shape, state.dtype, state.quantization)
        self.outputs = optimizer.update(builder, parameter, value, gradient, (kept,), rate, seed)
        self.executor = ReferenceExecutor(verify(builder.build(self.outputs)))

    def step(self, value, gradient, rate, seed):
        given = {
            "p": value, "g": gradient.astype(np.float32), "rate": np.array([rate], np.float32),
            "seed": np.array([seed], np.int32), "w.momentum": self.momentum,
        }  # fmt: skip
        found = self.executor.run(given, keep=["w.step", "w.drift"])
        new, self.momentum = (found[name] for name in self.outputs)
        return new, found["w.step"], found["w.drift"]


@pytest.mark.parametrize("parameter", [WEIGHT, DEPTHWISE, BIAS, HEAD], ids=["weight", "depthwise", "bias", "head"])
def test_steps_are_those_of_the_formula(platform, parameter):
    rng = np.random.default_rng(1)
    rule = Stepped(platform.create(TrainingOptimizer, "lion"), parameter)
    value = np.zeros(parameter.shape, parameter.dtype.numpy)
    scale = np.ones(1) if parameter.scale is None else np.array(SCALES)
    unit = (scale * (0.0235 if parameter.role == "bias" else 1)).reshape(
        [-1 if axis == parameter.axis else 1 for axis in range(len(parameter.shape))]
    )
    dead = unit < 1e-7
    limits = None if parameter.scale is None else np.iinfo(parameter.dtype.numpy)
    for seed in range(6):
        gradient = rng.normal(size=parameter.shape)
        before, start = rule.momentum.astype(np.float64), value
        value, step, drift = rule.step(value, gradient, 3e-3, seed)
        both = 0.9 * before + 0.1 * 127 * np.sign(gradient)
        clear = np.abs(both) > 1e-3  # elsewhere float32 may see the other sign
        wanted = np.where(dead, 0, 3e-3 * np.sign(both) / np.where(dead, 1, unit))
        assert np.allclose(step[clear], wanted[clear], rtol=1e-5)
        assert np.allclose(drift, 0.01 * (before - 127 * np.sign(gradient)), rtol=1e-4)
        assert (np.abs(rule.momentum - (before - drift)) < 1.001).all()
        if limits is None:
            assert value.tobytes() == (start - step).tobytes()
        else:
            exact = np.clip(start.astype(np.float64) - step, limits.min, limits.max)
            assert (np.abs(value - exact) < 1.001).all()


def test_a_byte_of_state_for_each_number(platform):
    (state,) = platform.create(TrainingOptimizer, "lion").state(WEIGHT)
    assert (state.name, state.bytes) == ("w.momentum", 5 * 3 * 3 * 4)


@pytest.mark.parametrize("size", [1.0, np.inf, np.nan])
def test_dead_channels_stay_to_the_bit(platform, size):
    rule = Stepped(platform.create(TrainingOptimizer, "lion"), WEIGHT)
    value = np.random.default_rng(3).integers(-100, 100, WEIGHT.shape).astype(np.int8)
    start = value.copy()
    for seed in range(3):
        value, _, _ = rule.step(value, np.full(WEIGHT.shape, size), 1.0, seed)
    assert value[DEAD].tobytes() == start[DEAD].tobytes()
    assert (value[0] != start[0]).any() == bool(size == size)


def test_weights_and_momentum_are_rounded_by_different_numbers(platform):
    optimizer = platform.create(TrainingOptimizer, "lion", {"beta2": 0.5})
    rule, other = (Stepped(optimizer, replace(WEIGHT, stream=stream)) for stream in (7, 8))
    value, gradient = np.zeros(WEIGHT.shape, np.int8), np.ones(WEIGHT.shape)
    first, again = rule.step(value, gradient, 0.01, 1)[0], other.step(value, gradient, 0.01, 1)[0]
    assert first.tobytes() != again.tobytes()
    assert rule.momentum.tobytes() != other.momentum.tobytes()


@pytest.mark.parametrize("options", [{"beta1": 1.0}, {"beta2": -0.1}, {"beta1": float("nan")}])
def test_options_out_of_range_are_refused(platform, options):
    with pytest.raises(InputError, match=f"{next(iter(options))} is"):
        platform.create(TrainingOptimizer, "lion", options)


def network():
    """Random filters and three scores."""
    rng, b = np.random.default_rng(1), GraphBuilder("patterns")
    x = b.input("image", (1, 6, 6, 1), DType.INT8, Quantization.per_tensor(1 / 128))
    w = b.constant("w", rng.integers(-127, 128, (4, 3, 3, 1)).astype(np.int8), Quantization.per_tensor(0.01))
    bias = b.constant("b", np.zeros(4, np.int32), Quantization.per_tensor(0.01 / 128))
    act = Quantization.per_tensor(0.03, -128)
    y = b.node(Conv2D((2, 2), (1, 1, 1, 1), activation=RELU), [x, w, bias], name="filters", quantization=act)
    y = b.node(Reshape((1, 36)), [y], name="flat", quantization=act)
    v = b.constant("v", rng.integers(-127, 128, (3, 36)).astype(np.int8), Quantization.per_tensor(0.01))
    y = b.node(FullyConnected(), [y, v], name="scores", quantization=Quantization.per_tensor(0.2))
    return b.build([y])


def pictures(count=120, classes=4):
    """Noisy pictures of four patterns."""
    rng = np.random.default_rng(2)
    y = np.arange(count) % classes
    patterns = rng.normal(0, 0.4, (classes, 6, 6, 1))
    return (patterns[y] + rng.normal(0, 0.15, (count, 6, 6, 1))).astype(np.float32), y


def test_a_network_learns(platform):
    scheme = UpdateScheme((LayerUpdate("filters", bias=True, channels=None),))
    step = build_step(network(), scheme, platform.create(TrainingOptimizer, "lion"), head=FloatHead(4))
    simulation = Simulation(step)
    start = {name: value.copy() for name, value in simulation.variables.items()}
    x, y = pictures()
    samples = np.clip(np.round(x * 128), -128, 127).astype(np.int8)
    targets = np.eye(4, dtype=np.float32)[y]
    losses = [simulation.train(samples[i : i + 1], targets[i], 0.01, i).loss for i in range(len(y))]
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:20])
    assert all((value != start[name]).any() for name, value in simulation.variables.items())
    momenta = [value for name, value in simulation.variables.items() if name.endswith(".momentum")]
    assert [value.dtype for value in momenta] == [np.int8] * 4


def test_the_device_learns_what_the_simulation_does(platform, tmp_path):
    x, y = pictures(24)
    write_npz(tmp_path / "data.npz", {"x": x, "y": y})
    options = AdaptOptions(
        dataset="npz", dataset_options={"path": str(tmp_path / "data.npz")}, optimizer="lion", classes=4, rate=0.01,
        selector="sparse", selector_options={"bias_layers": 1, "weights": [[0, 1]]}, steps=4, device_steps=4,
    )  # fmt: skip
    report = platform.adapt(network(), "stm32f746", tmp_path / "out", options).report
    assert (report["exact"], report["samples"]) == (True, 4)
    learnt = report["learnt"]
    # 36 filters of a byte, 4 biases and a head of 37 floats for each of 4 classes, and a byte of momentum for each
    numbers = 36 + 4 + 37 * 4
    assert (learnt["numbers"], learnt["bytes"]) == (numbers, 36 + 4 * (numbers - 36) + numbers)
