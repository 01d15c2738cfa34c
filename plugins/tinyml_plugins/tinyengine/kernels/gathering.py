"""Gather with indices that only the device knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Gather
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.kernel import C_TYPES, UNCHANGED, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles


class Gathering:
    """Copy a slice for each index; an index beyond the axis is clamped to it, so that nothing else is ever read."""

    name: ClassVar[str] = "gather"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = UNCHANGED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        source, indices = graph.inputs_of(node)
        if indices.data is not None:
            return []
        estimate = cycles(self.name, profile, outputs=graph.outputs_of(node)[0].elements)
        return [Schedule(kernel=self.name, cycles=estimate, flash=source.bytes if source.data is not None else 0)]

    def emit(self, *, layer: Layer) -> str:
        """Loops over what lies before the axis, indices, and the elements of a slice."""
        op, (source, indices) = layer.node.op, layer.inputs
        assert isinstance(op, Gather)
        return render(
            "kernels/gather.c.j2",
            ctype=C_TYPES[source.dtype],
            index_type=C_TYPES[indices.dtype],
            rows=math.prod(source.shape[: op.axis]),
            size=source.shape[op.axis],
            count=indices.elements,
            run=math.prod(source.shape[op.axis + 1 :]),
            source=layer.source(0),
            indices=layer.source(1),
            target=layer.target(),
        )
