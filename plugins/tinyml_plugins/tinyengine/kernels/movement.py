"""Operators that move elements: pad copies, reshape renames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering.movement import lower_move
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Pad as PadOperator
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.rows import row_count
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literal
from tinyml_plugins.tinyengine.kernel import C_TYPES, UNCHANGED, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.rowwise import with_rows
from tinyml_plugins.tinyengine.timing import cycles


class Pad:
    """Fill, then copy the runs of elements that stay together."""

    name: ClassVar[str] = "pad"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = UNCHANGED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule for pads with a constant."""
        assert isinstance(node.op, PadOperator)
        (output,) = graph.outputs_of(node)
        if node.op.mode != "constant":
            return []
        return with_rows(
            Schedule(kernel=self.name, cycles=cycles(self.name, profile, outputs=output.elements)), node, graph
        )

    def emit(self, *, layer: Layer) -> str:
        """Loops over the axes outside the last padded one."""
        op = layer.node.op
        assert isinstance(op, PadOperator)
        if layer.rowwise:
            return _pad_row(layer, op)
        source, target = layer.inputs[0].shape, layer.output.shape
        padded = [axis for axis, pair in enumerate(op.padding) if any(pair)]
        inner = padded[-1] if padded else 0
        strides = [math.prod(target[axis + 1 :]) for axis in range(len(target))]
        return render(
            "kernels/pad.c.j2",
            ctype=C_TYPES[layer.output.dtype],
            fill=literal(_fill(layer)),
            elements=layer.output.elements,
            first=sum(before * stride for (before, _), stride in zip(op.padding, strides, strict=True)),
            loops=list(zip(source[:inner], strides[:inner], strict=True)),
            run=math.prod(source[inner:]),
            source=layer.source(),
            target=layer.target(),
        )


def _pad_row(layer: Layer, op: PadOperator) -> str:
    _, rows, (left, _), (before, _) = op.padding
    _, _, width, channels = layer.output.shape
    _, _, columns, run = layer.inputs[0].shape
    return render(
        "kernels/pad_row.c.j2",
        ctype=C_TYPES[layer.output.dtype],
        fill=literal(_fill(layer)),
        elements=width * channels,
        above=rows[0],
        height=row_count(layer.inputs[0]),
        first=left * channels + before,
        columns=1 if run == channels else columns,
        stride=channels,
        run=columns * run if run == channels else run,
        source=layer.row_source(0, f"row - {rows[0]}" if rows[0] else "row"),
        target=layer.row_target("row"),
    )


def _fill(layer: Layer) -> int | float:
    op, output = layer.node.op, layer.output
    assert isinstance(op, PadOperator)
    if output.quantization:
        return lower_move(layer.node, layer.graph).fill
    value: int | float = output.dtype.numpy.type(op.value).item()
    return value


class Reshape:
    """The same bytes under another shape."""

    name: ClassVar[str] = "reshape"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = UNCHANGED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule, which costs nothing."""
        return [Schedule(kernel=self.name, cycles=0.0, alias=True)]

    def emit(self, *, layer: Layer) -> str:
        """No code."""
        return ""
