"""Registers the code generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinyml_core.api.generator import CodeGenerator


@hookimpl
def tinyml_code_generators() -> Iterable[Component[CodeGenerator]]:
    """The code generator."""
    return [
        Component(
            "tinyengine", "tinyml_plugins.tinyengine.generator:TinyEngine", "C99, one specialised function a layer"
        )
    ]
