"""What the tests of cost models share."""

from __future__ import annotations

import pytest

import tinyml_hw_profiles.hooks
import tinyml_plugins.costs.hooks
import tinyml_plugins.simulator.hooks
import tinyml_plugins.tinyengine.hooks
from tinyml_core.api.cost_model import CostModel
from tinyml_core.platform import Platform


@pytest.fixture(scope="session")
def platform():
    plugins = (
        tinyml_hw_profiles.hooks, tinyml_plugins.costs.hooks, tinyml_plugins.simulator.hooks,
        tinyml_plugins.tinyengine.hooks,
    )  # fmt: skip
    return Platform(plugins=plugins, discover=False)


@pytest.fixture(scope="session")
def costs_of(platform):
    """Costs by quantity of a graph on a target, one model for all calls with the same options."""
    models = {}

    def told(graph, target="stm32f746", name="emulated-latency", **options):
        key = (name, tuple(sorted(options.items())))
        if key not in models:
            models[key] = platform.create(CostModel, name, options)
        found = {cost.quantity: cost for cost in models[key].estimate(graph, platform.target(target), platform)}
        assert tuple(found) == models[key].quantities
        return found

    return told
