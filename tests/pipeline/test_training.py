"""Training steps on the emulated core: the same bits as the simulation, and a difference is seen."""

from dataclasses import replace

import numpy as np
import pytest

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import UpdateSelector
from tinyml_core.errors import InputError
from tinyml_core.npz import read_npz, write_npz
from tinyml_core.pipeline.compilation import CompileOptions, compile_into
from tinyml_core.pipeline.manifest import read_manifest
from tinyml_core.pipeline.training import (
    Lessons,
    compile_step,
    difference,
    falling,
    interface_of,
    simulate,
    train_on_device,
)
from tinyml_core.training import FloatHead, Simulation, build_step

STEPS, HEAD, OPTIONS = 4, FloatHead(4), CompileOptions(objective="sram")


def learning(platform, network, optimizer="qas", head=HEAD):
    scheme = platform.create(UpdateSelector, "last-k", {"layers": 2}).select(network)
    rule = platform.create(TrainingOptimizer, optimizer)
    return build_step(network, scheme, rule, head=head)


@pytest.fixture
def lessons():
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (STEPS, 1, 8, 8, 1)).astype(np.int8)
    return Lessons(x, np.eye(4, dtype=np.float32)[rng.integers(0, 4, STEPS)], falling(0.05, STEPS))


@pytest.mark.parametrize("optimizer", ["qas", "momentum"])
def test_device_and_simulation_agree_to_the_bit(platform, network, tmp_path, lessons, optimizer):
    step = learning(platform, network, optimizer)
    compile_step(tmp_path, step, platform.target("stm32f746"), OPTIONS, platform)
    simulation = Simulation(step)
    outcomes = simulate(simulation, lessons)
    execution = train_on_device(tmp_path, step, lessons, platform)
    assert execution.exact
    assert difference(execution, outcomes, simulation) == 0
    assert any(np.any(execution.state[each.name] != each.initial) for each in step.variables)
    ports = {port.name: port for port in read_manifest(tmp_path).inputs}
    outputs = {port.name: port for port in read_manifest(tmp_path).outputs}
    for name, updated in read_manifest(tmp_path).state.items():
        assert (ports[name].offset, ports[name].size) == (outputs[updated].offset, outputs[updated].size)

    state = read_npz(tmp_path / "state.npz")
    state["head.bias"][1] += 1
    write_npz(tmp_path / "state.npz", state)
    assert difference(train_on_device(tmp_path, step, lessons, platform), outcomes, simulation) > 0


def test_first_values_must_suit(platform, network, tmp_path):
    step, profile = learning(platform, network), platform.target("stm32f746")
    graph, without = step.graph, CompileOptions(step=replace(interface_of(step), initial={}))
    with pytest.raises(InputError, match="needs a first value of type int8"):
        compile_into(tmp_path, graph, profile, without, platform)
    with pytest.raises(InputError, match="has state, so it is compiled as it is"):
        compile_into(tmp_path, graph, profile, CompileOptions(calibration={}), platform)


def test_without_first_values_state_begins_at_zero(platform, network, tmp_path, lessons):
    step = learning(platform, network, head=None)  # the network's own, whose weights stay constants
    platform.compile(step.graph, "stm32f746", tmp_path / "out")
    assert not any(array.any() for array in read_npz(tmp_path / "out" / "state.npz").values())
    assert train_on_device(tmp_path / "out", step, lessons.first(1), platform).exact


def test_rates_fall_to_nothing():
    rates = falling(0.5, 4)
    np.testing.assert_allclose(rates, [0.5, 0.4267767, 0.25, 0.0732233], rtol=1e-6)
