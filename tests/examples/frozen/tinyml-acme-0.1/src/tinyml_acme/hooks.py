"""Everything Acme registers; light to import, because the platform imports it to learn the names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hardware.files import profiles_from
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.cost_model import CostModel
    from tinyml_core.api.search_strategy import SearchStrategy
    from tinyml_core.hardware.profile import HardwareProfile


@hookimpl
def tinyml_hardware_profiles() -> list[Component[HardwareProfile]]:
    return profiles_from("tinyml_acme")


@hookimpl
def tinyml_cost_models() -> list[Component[CostModel]]:
    return [Component("acme-energy", "tinyml_acme.energy:Energy", "microjoules per inference, from cycles and mW/MHz")]


@hookimpl
def tinyml_search_strategies() -> list[Component[SearchStrategy]]:
    return [Component("hill-climbing", "tinyml_acme.hill_climbing:HillClimbing", "hill climbing with restarts")]
