"""Pooling over a window, and int8 mean, sum, maximum and minimum over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering import lower
from tinyml_core.arithmetic.lowering.pooling import MeanLowering, lower_pool
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import AveragePool2D, Mean, Reduce
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.geometry import geometry
from tinyml_plugins.tinyengine.kernel import INT8, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import Requantiser
from tinyml_plugins.tinyengine.timing import cycles

RECIPROCAL_TAPS = 4000
"""Taps up to which ``(sum + taps / 2) * (2^31 / taps + 1) >> 31`` is the exact quotient (128.5 * taps^2 < 2^31)."""


class Pool:
    """Average and maximum pooling; in place when no window reaches before its own output."""

    name: ClassVar[str] = "pool"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule; without padding above and to the left, a window starts at or behind its output's place."""
        g = geometry(node, graph)
        outputs = g.pixels * g.channels
        taps = outputs * g.kernel[0] * g.kernel[1]
        behind = g.top == 0 and g.left == 0 and g.out_width <= g.width
        return [
            Schedule(
                kernel=self.name,
                cycles=cycles(self.name, profile, macs=taps, outputs=outputs),
                in_place=(0,) if behind else (),
            )
        ]

    def emit(self, *, layer: Layer) -> str:
        """Loops over output pixels, channels and taps."""
        g = geometry(layer.node, layer.graph)
        return render(
            "kernels/pool.c.j2",
            g=g,
            average=isinstance(layer.node.op, AveragePool2D),
            padded=g.padded_rows or g.padded_columns,
            reciprocal=g.kernel[0] * g.kernel[1] <= RECIPROCAL_TAPS,
            limits=lower_pool(layer.node, layer.graph),
            source=layer.source(),
            target=layer.target(),
        )


class MeanLoops:
    """Mean, sum or extremum over any axes: one loop for each run of axes that are kept, or reduced, together."""

    name: ClassVar[str] = "mean"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
        return [
            Schedule(kernel=self.name, cycles=cycles(self.name, profile, macs=source.elements, outputs=output.elements))
        ]

    def emit(self, *, layer: Layer) -> str:
        """Loops over outputs, then over what goes into each."""
        op = layer.node.op
        assert isinstance(op, Mean | Reduce)
        lowering = lower(layer.node, layer.graph)
        kept, reduced = loops(layer.inputs[0].shape, op.axes)
        if isinstance(lowering, MeanLowering):
            offset = lowering.count * lowering.input_zero_point
            activation = Requantiser(lowering.requantisation, lowering.count * 255)
            start, step, result = "0", "value += element;", activation.of_constant(f"(uint32_t)(value - ({offset}))")
        else:
            assert isinstance(op, Reduce)
            start, relation = ("INT8_MIN", ">") if op.function == "max" else ("INT8_MAX", "<")
            step, result = f"value = element {relation} value ? element : value;", "(int8_t)value"
        return render(
            "kernels/reduce.c.j2",
            kept=kept,
            reduced=reduced,
            start=start,
            step=step,
            result=result,
            source=layer.source(),
            target=layer.target(),
        )


def loops(shape: Sequence[int], axes: Sequence[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(size, stride) of the loops over kept and over reduced axes; neighbours of one sort are one loop."""
    runs: list[tuple[bool, int, int]] = []
    for axis, size in enumerate(shape):
        stride, reduce = math.prod(shape[axis + 1 :]), axis in axes
        if runs and runs[-1][0] == reduce:
            runs[-1] = (reduce, runs[-1][1] * size, stride)
        else:
            runs.append((reduce, size, stride))
    kept = [(size, stride) for reduce, size, stride in runs if not reduce]
    return kept, [(size, stride) for reduce, size, stride in runs if reduce]
