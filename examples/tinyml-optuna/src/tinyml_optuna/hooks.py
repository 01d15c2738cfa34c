"""Registers the strategy; light to import, because the platform imports it to learn the names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.search_strategy import SearchStrategy


@hookimpl
def tinyml_search_strategies() -> list[Component[SearchStrategy]]:
    return [Component("optuna", "tinyml_optuna.strategy:Optuna", "any of Optuna's samplers, by name")]
