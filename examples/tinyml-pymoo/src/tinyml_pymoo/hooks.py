"""Registers the strategy; light to import, because the platform imports it to learn the names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.search_strategy import SearchStrategy


@hookimpl
def tinyml_search_strategies() -> list[Component[SearchStrategy]]:
    return [Component("pymoo", "tinyml_pymoo.strategy:Pymoo", "one of pymoo's evolutionary algorithms, by name")]
