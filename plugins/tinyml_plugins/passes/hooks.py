"""What the passes plugin provides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from tinyml_core.api.graph_pass import GraphPass


@hookimpl
def tinyml_passes() -> Iterable[Component[GraphPass]]:
    """Return the passes every pipeline wants."""
    return [
        Component(
            "fold-batch-norm",
            "tinyml_plugins.passes.fold_batch_norm:FoldBatchNorm",
            "batch normalisation becomes the weights and bias of the layer before it",
        ),
        Component(
            "fuse-activation",
            "tinyml_plugins.passes.fuse_activation:FuseActivation",
            "a clamp becomes the fused activation of the layer before it",
        ),
    ]
