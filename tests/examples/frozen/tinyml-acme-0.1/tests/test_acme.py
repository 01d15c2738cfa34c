"""What Acme promises, checked through the platform as its users meet it."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest
import tinyml_acme.hill_climbing
import tinyml_acme.hooks

from tinyml_core import Platform
from tinyml_core.api.cost_model import Cost, CostModel
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import SearchStrategy
from tinyml_core.component import Component
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import FullyConnected
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_core.hookspecs import hookimpl
from tinyml_core.search.trial import Trial


@pytest.fixture(scope="module")
def platform():
    return Platform()


def dense(layers):
    """An int8 network of dense layers, 16 wide."""
    unit = Quantization.per_tensor(1 / 64)
    builder = GraphBuilder("dense")
    handle = builder.input("x", (1, 16), DType.INT8, unit)
    for layer in range(layers):
        weights = builder.constant(f"w{layer}", np.eye(16, dtype=np.int8), unit)
        bias = builder.constant(f"b{layer}", np.zeros(16, np.int32), Quantization.per_tensor(1 / 64**2))
        handle = builder.node(FullyConnected(), [handle, weights, bias], quantization=unit)
    return builder.build([handle])


def test_the_plugin_loads_with_all_three_kinds(platform):
    (acme,) = [record for record in platform.describe() if record.name == "acme"]
    assert acme.status == "LOADED"
    assert {(offer.kind, offer.component.name) for offer in acme.contributions} == {
        ("hardware-profile", "acme-am33"),
        ("cost-model", "acme-energy"),
        ("search-strategy", "hill-climbing"),
    }


def test_the_part(platform):
    part = platform.target("acme-am33")
    assert part.core == "cortex-m33"
    assert part.largest("sram").size == 192 * 1024


def test_energy_is_cycles_times_energy_per_cycle(platform):
    part, graph = platform.target("acme-am33"), dense(2)
    (energy,) = platform.create(CostModel, "acme-energy").estimate(graph, part, platform)
    analytic = platform.create(CostModel, "analytic").estimate(graph, part, platform)
    cycles = next(cost for cost in analytic if cost.quantity == "cycles")
    assert energy.value == pytest.approx(cycles.value * 0.12e-3)  # 0.12 mW/MHz are 0.12e-3 microjoules per cycle
    assert 0 < energy.low <= energy.value <= energy.high


def test_energy_grows_with_every_layer(platform):
    part, model = platform.target("acme-am33"), platform.create(CostModel, "acme-energy")
    values = [model.estimate(dense(layers), part, platform)[0].value for layers in (1, 2, 4)]
    assert values == sorted(set(values))
    assert values[2] - values[1] == pytest.approx(2 * (values[1] - values[0]))


def test_a_part_without_a_power_figure_is_refused(platform):
    part = dataclasses.replace(platform.target("acme-am33"), milliwatts_per_megahertz=None)
    with pytest.raises(UnsupportedError, match="no power figure"):
        platform.create(CostModel, "acme-energy").estimate(dense(1), part, platform)


class MacsOnly:
    """Another vendor's cost model, as an object given to the platform."""

    quantities = ("macs",)

    def estimate(self, graph, profile, platform):
        return (Cost("macs", graph.macs, "1", "exact", graph.macs, graph.macs),)

    @staticmethod
    @hookimpl
    def tinyml_cost_models():
        return [Component("macs-only", MacsOnly, "multiply-accumulates")]


def test_a_cost_model_without_cycles_is_refused():
    platform = Platform(plugins=[MacsOnly])
    model = platform.create(CostModel, "acme-energy", {"cycles_from": "macs-only"})
    with pytest.raises(UnsupportedError, match="tells no cycles"):
        model.estimate(dense(1), platform.target("acme-am33"), platform)


def climb(platform, *, seed, steps, patience=16):
    """Climb a made-up hill over the bundled space: accuracy is the share of genes equal to a hidden candidate's."""
    space = platform.create(SearchSpace, "tiny")
    goal = dict(space.sample(np.random.default_rng(0)).choices)
    strategy = platform.create(SearchStrategy, "hill-climbing", {"patience": patience})
    session = strategy.begin(space, np.random.default_rng(seed))
    trials = []
    for number in range(steps):
        candidate = session.ask()
        assert space.contains(candidate)
        accuracy = sum(goal.get(name) == choice for name, choice in candidate.choices) / len(goal)
        trials.append(Trial(number, candidate, {}, accuracy))
        session.tell(trials[-1])
    return trials


def test_it_climbs(platform):
    trials = climb(platform, seed=1, steps=150, patience=60)
    assert max(trial.accuracy for trial in trials) > trials[0].accuracy


def test_the_seed_decides_everything(platform):
    first, again, other = (climb(platform, seed=seed, steps=30) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_it_restarts_when_nothing_is_told(platform):
    space = platform.create(SearchSpace, "tiny")
    session = platform.create(SearchStrategy, "hill-climbing").begin(space, np.random.default_rng(3))
    asked = {session.ask().key for _ in range(100)}  # as when every proposal is infeasible
    assert len(asked) > 50


def test_the_promised_size():
    assert len(inspect.getsource(tinyml_acme.hill_climbing).splitlines()) <= 40
    assert len(inspect.getsource(tinyml_acme.hooks.tinyml_hardware_profiles).splitlines()) <= 6
