"""Concatenation and splitting: pieces of memory side by side along the axes before the joint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Concat, Split
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.kernel import C_TYPES, UNCHANGED, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.rowwise import shape, source, target, with_rows
from tinyml_plugins.tinyengine.timing import cycles


@dataclass(frozen=True)
class Piece:
    """``rows`` runs of ``run`` elements, ``source_stride`` and ``target_stride`` elements apart."""

    source: str
    target: str
    rows: int
    run: int
    source_stride: int
    target_stride: int


class Joining:
    """Copy the runs of each piece to, or from, their place in the whole."""

    name: ClassVar[str] = "join"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = UNCHANGED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        elements = sum(tensor.elements for tensor in graph.outputs_of(node))
        schedule = Schedule(
            kernel=self.name,
            cycles=cycles(self.name, profile, outputs=elements),
            flash=sum(tensor.bytes for tensor in graph.inputs_of(node) if tensor.data is not None),
        )
        return with_rows(schedule, node, graph)

    def emit(self, *, layer: Layer) -> str:
        """One pair of loops for each piece."""
        op, outputs = layer.node.op, layer.graph.outputs_of(layer.node)
        assert isinstance(op, Concat | Split)
        joins = isinstance(op, Concat)
        whole = shape(layer, outputs[0] if joins else layer.inputs[0])
        rows, stride = math.prod(whole[: op.axis]), math.prod(whole[op.axis :])
        pieces, offset = [], 0
        for index, tensor in enumerate(layer.inputs if joins else outputs):
            run = math.prod(shape(layer, tensor)[op.axis :])
            start, end = source(layer, index if joins else 0), target(layer, 0 if joins else index)
            if joins:
                pieces.append(Piece(start, _behind(end, offset), rows, run, run, stride))
            else:
                pieces.append(Piece(_behind(start, offset), end, rows, run, stride, run))
            offset += run
        return render("kernels/join.c.j2", ctype=C_TYPES[layer.output.dtype], pieces=pieces)


def _behind(pointer: str, offset: int) -> str:
    return f"{pointer} + {offset}" if offset else pointer
