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
            "drop-dead-nodes",
            "tinyml_plugins.passes.drop_dead_nodes:DropDeadNodes",
            "nodes that reach no output and constants nobody reads go",
        ),
        Component(
            "drop-identities",
            "tinyml_plugins.passes.drop_identities:DropIdentities",
            "nodes that hand on what they read go, and of two reshapes in a row the second does both",
        ),
        Component(
            "fold-batch-norm",
            "tinyml_plugins.passes.fold_batch_norm:FoldBatchNorm",
            "batch normalisation becomes the weights and bias of the layer before it",
        ),
        Component(
            "fold-constants",
            "tinyml_plugins.passes.fold_constants:FoldConstants",
            "nodes that read constants alone are computed now",
        ),
        Component(
            "fold-pad",
            "tinyml_plugins.passes.fold_pad:FoldPad",
            "padding becomes part of the convolutions that read it",
        ),
        Component(
            "fuse-activation",
            "tinyml_plugins.passes.fuse_activation:FuseActivation",
            "a clamp becomes the fused activation of the layer before it",
        ),
        Component(
            "fuse-hard-swish",
            "tinyml_plugins.passes.fuse_hard_swish:FuseHardSwish",
            "hard swish, hard sigmoid and swish that a float network spells out become one node",
        ),
        Component(
            "remove-constant-channels",
            "tinyml_plugins.passes.remove_constant_channels:RemoveConstantChannels",
            "int8 channels that hold one value for any input go, and their readers' biases absorb them",
        ),
        Component(
            "sink-transposes",
            "tinyml_plugins.passes.sink_transposes:SinkTransposes",
            "transpositions move behind what reads them, where they cancel out or move less",
        ),
    ]
