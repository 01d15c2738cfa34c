"""Registers the optimizer; light to import, because the platform imports it to learn the names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.optimizer import TrainingOptimizer


@hookimpl
def tinyml_training_optimizers() -> list[Component[TrainingOptimizer]]:
    return [Component("lion", "tinyml_lion.lion:Lion", "Lion on signs (Chen et al. 2023), 1 byte of state per number")]
