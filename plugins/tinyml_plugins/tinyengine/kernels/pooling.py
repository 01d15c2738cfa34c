"""Pooling over a window, and mean, sum, maximum and minimum over axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering import lower
from tinyml_core.arithmetic.lowering.pooling import MeanLowering, lower_pool
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import AveragePool2D, Mean, Reduce
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.rows import reduces_rows
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.geometry import geometry
from tinyml_plugins.tinyengine.kernel import C_TYPES, INT8, QUANTISED, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import SUFFIXES, Requantiser
from tinyml_plugins.tinyengine.rowwise import source, target, with_rows
from tinyml_plugins.tinyengine.timing import cycles

RECIPROCAL_TAPS = {DType.INT8: 4000, DType.INT16: 255}
"""Taps up to which ``(sum + taps / 2) * (2^31 / taps + 1) >> 31`` is the exact quotient, by the type of the elements.

The sum is at most ``taps`` times the greatest magnitude m, and ``(m + 1/2) * taps^2`` has to stay below 2^31.
"""


FOUR = 4
"""Elements in a word."""

FARTHEST = {DType.INT8: 255, DType.INT16: 32768}
"""Greatest distance between an integer and a zero point."""


class Pool:
    """Average and maximum pooling; in place when no window reaches before its own output."""

    name: ClassVar[str] = "pool"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = QUANTISED
    template: ClassVar[str] = "kernels/pool.c.j2"

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule; without padding above and to the left, a window starts at or behind its output's place."""
        g = geometry(node, graph)
        outputs = g.pixels * g.channels
        taps = outputs * g.kernel[0] * g.kernel[1]
        behind = g.top == 0 and g.left == 0 and g.out_width <= g.width
        schedule = Schedule(
            kernel=self.name,
            cycles=cycles(self.name, profile, macs=taps, outputs=outputs),
            in_place=(0,) if behind else (),
        )
        return with_rows(schedule, node, graph, state=4 * outputs if reduces_rows(node, graph) else 0)

    def emit(self, *, layer: Layer) -> str:
        """Loops over output pixels, channels and taps; the only window of all rows takes them one at a time."""
        g = geometry(layer.node, layer.graph)
        folds = layer.rowwise and reduces_rows(layer.node, layer.graph)
        return render(
            "kernels/pool_folding.c.j2" if folds else self.template,
            g=g,
            average=isinstance(layer.node.op, AveragePool2D),
            padded=g.padded_rows or g.padded_columns,
            reciprocal=g.kernel[0] * g.kernel[1] <= RECIPROCAL_TAPS[layer.output.dtype],
            ctype=C_TYPES[layer.output.dtype],
            least=layer.output.dtype.limits[0],
            clamp=f"tinyml_clamp{SUFFIXES[layer.output.dtype]}",
            limits=lower_pool(layer.node, layer.graph),
            rowwise=layer.rowwise,
            line=layer.row_source(0, "iy"),
            source=source(layer),
            state=layer.state("int32_t") if folds else "",
            target=layer.row_target("0") if folds else target(layer),
        )


class FourfoldPool(Pool):
    """Average and maximum pooling of at least four channels, four at a time."""

    name: ClassVar[str] = "pool_fours"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8
    template: ClassVar[str] = "kernels/pool_fours.c.j2"

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The schedules of other poolings; none for fewer channels."""
        return super().candidates(node, graph, profile) if geometry(node, graph).channels >= FOUR else []


class FourfoldMean:
    """Mean over whole rows of a matrix, four columns at a time; row by row where the rows of an image are reduced."""

    name: ClassVar[str] = "mean_fours"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The whole output, and row by row with sums of 32 bits; none for other axes or fewer columns."""
        assert isinstance(node.op, Mean | Reduce)
        (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
        if not isinstance(lower(node, graph), MeanLowering) or _matrix(source.shape, node.op.axes) is None:
            return []
        rate = self.name if "dsp" in profile.features else MeanLoops.name
        estimate = cycles(rate, profile, macs=source.elements, outputs=output.elements)
        return with_rows(Schedule(kernel=self.name, cycles=estimate), node, graph, state=4 * output.elements)

    def emit(self, *, layer: Layer) -> str:
        """A loop over groups of columns."""
        op, lowering = layer.node.op, lower(layer.node, layer.graph)
        assert isinstance(op, Mean | Reduce)
        assert isinstance(lowering, MeanLowering)
        shape = layer.inputs[0].shape
        matrix = _matrix(shape, op.axes)
        assert matrix is not None
        activation = Requantiser(lowering.requantisation, lowering.count * FARTHEST[DType.INT8])
        offset = lowering.count * lowering.input_zero_point
        rows, columns = matrix
        return render(
            "kernels/mean_fours.c.j2",
            rows=rows // shape[1] if layer.rowwise else rows,
            columns=columns,
            height=shape[1],
            rowwise=layer.rowwise,
            state=layer.state("int32_t") if layer.rowwise else "",
            result=activation.of_constant(f"(uint32_t)(value - ({offset}))"),
            source=source(layer),
            target=layer.row_target("0") if layer.rowwise else layer.target(),
        )


def _matrix(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, int] | None:
    """Rows and columns if it is the rows of a matrix that are reduced, and there are four columns at least."""
    kept, reduced = ([each for each in runs if each[0] > 1] for runs in loops(shape, axes))
    if len(kept) == len(reduced) == 1 and kept[0][1] == 1 and kept[0][0] >= FOUR and reduced[0][1] == kept[0][0]:
        return reduced[0][0], kept[0][0]
    return None


class MeanLoops:
    """Mean, sum or extremum over any axes: one loop for each run of axes that are kept, or reduced, together."""

    name: ClassVar[str] = "mean"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = QUANTISED

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
        lowering, dtype = lower(layer.node, layer.graph), layer.output.dtype
        kept, reduced = loops(layer.inputs[0].shape, op.axes)
        if isinstance(lowering, MeanLowering):
            offset = lowering.count * lowering.input_zero_point
            activation = Requantiser(lowering.requantisation, lowering.count * FARTHEST[dtype], dtype)
            start, step, result = "0", "value += element;", activation.of_constant(f"(uint32_t)(value - ({offset}))")
        else:
            assert isinstance(op, Reduce)
            low, high = dtype.limits
            start, relation = (str(low), ">") if op.function == "max" else (str(high), "<")
            step, result = f"value = element {relation} value ? element : value;", f"({C_TYPES[dtype]})value"
        return render(
            "kernels/reduce.c.j2",
            kept=kept,
            reduced=reduced,
            start=start,
            step=step,
            result=result,
            ctype=C_TYPES[dtype],
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
