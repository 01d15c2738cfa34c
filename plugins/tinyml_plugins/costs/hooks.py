"""Registers the cost models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinyml_core.api.cost_model import CostModel


@hookimpl
def tinyml_cost_models() -> Iterable[Component[CostModel]]:
    """Cost models by name."""
    return (
        Component("analytic", "tinyml_plugins.costs.analytic:Analytic", "counted and planned, as the compiler would"),
        Component(
            "emulated-latency",
            "tinyml_plugins.costs.emulated_latency:EmulatedLatency",
            "cycles of layers like these, measured on the emulator",
        ),
        Component("energy", "tinyml_plugins.costs.energy:Energy", "cycles times the part's published mW/MHz"),
    )
