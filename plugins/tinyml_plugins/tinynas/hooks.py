"""Registers search spaces and strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinyml_core.api.search_space import SearchSpace
    from tinyml_core.api.search_strategy import SearchStrategy


@hookimpl
def tinyml_search_spaces() -> Iterable[Component[SearchSpace]]:
    """Search spaces by name."""
    return (
        Component("tiny", "tinyml_plugins.tinynas.space:TinySpace", "inverted bottlenecks for images of 8 to 32 px"),
        Component("mcunet", "tinyml_plugins.tinynas.mcunet:McuNetSpace", "MCUNet's inverted bottlenecks for images"),
        Component("dscnn", "tinyml_plugins.tinynas.dscnn:DsCnnSpace", "separable convolutions for audio and signals"),
        Component("resnet", "tinyml_plugins.tinynas.resnet:ResNetSpace", "residual blocks for small images"),
    )


@hookimpl
def tinyml_search_strategies() -> Iterable[Component[SearchStrategy]]:
    """Search strategies by name."""
    return (
        Component("evolution", "tinyml_plugins.tinynas.evolution:Evolution", "aging evolution (Real et al. 2019)"),
        Component("ofa", "tinyml_plugins.tinynas.once_for_all:OnceForAll", "elitist evolution (Cai et al. 2020)"),
        Component("nsga2", "tinyml_plugins.tinynas.nsga2:NSGA2", "Pareto front over several costs (Deb et al. 2002)"),
        Component("random", "tinyml_plugins.tinynas.random_search:RandomSearch", "uniform sampling"),
    )
