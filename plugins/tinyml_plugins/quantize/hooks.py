"""What the quantize plugin provides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.quantizer import Quantizer


@hookimpl
def tinyml_quantizers() -> Iterable[Component[Quantizer]]:
    """Return the quantiser that needs no training."""
    return [
        Component(
            "ptq",
            "tinyml_plugins.quantize.post_training:PostTraining",
            "post-training quantisation: int8 scales from the ranges seen on training samples",
        )
    ]
