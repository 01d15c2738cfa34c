"""The cost model ``energy``."""

from __future__ import annotations

import pytest

from costed_networks import network
from tinyml_core.api.cost_model import CostModel
from tinyml_core.errors import UnsupportedError
from tinyml_core.pipeline.figures import ZERO_WAIT_FACTOR
from tinyml_plugins.costs.energy import microjoules

PART = "stm32u575"


@pytest.mark.parametrize("source", ["emulated-latency", "analytic"])
def test_energy_is_cycles_times_the_published_power(platform, costs_of, source):
    graph, profile = network([8, 0]), platform.target(PART)
    (energy,) = costs_of(graph, target=PART, name="energy", cycles_from=source).values()
    cycles = costs_of(graph, target=PART, name=source)["cycles"]
    per_cycle = profile.milliwatts_per_megahertz / 1000
    assert (energy.unit, energy.basis) == ("microjoule", "estimated")
    assert energy.value == pytest.approx(cycles.value * per_cycle)
    assert energy.low == pytest.approx(cycles.low * per_cycle)
    assert energy.high == pytest.approx(cycles.high * per_cycle * ZERO_WAIT_FACTOR)


def test_a_milliwatt_per_megahertz_for_a_million_cycles_is_a_millijoule(platform):
    profile = platform.target(PART)
    assert microjoules(1_000_000, profile) == pytest.approx(1000 * profile.milliwatts_per_megahertz)


def test_options_reach_the_other_model(platform):
    graph, profile = network([8, 16, 0]), platform.target(PART)
    spread = {"cycles_from": "analytic", "cycles_options": {"cycles_spread": 0.0}}
    (energy,) = platform.create(CostModel, "energy", spread).estimate(graph, profile, platform)
    assert energy.low == energy.value


def test_a_part_without_a_power_figure_is_named(costs_of):
    with pytest.raises(UnsupportedError, match=r"target stm32f746.*milliwatts_per_megahertz"):
        costs_of(network([8]), target="stm32f746", name="energy")


def test_a_model_without_cycles_is_named(platform):
    options = {"cycles_from": "energy", "cycles_options": {"cycles_from": "analytic"}}
    model = platform.create(CostModel, "energy", options)
    with pytest.raises(UnsupportedError, match="cost model energy tells no cycles"):
        model.estimate(network([8]), platform.target(PART), platform)
