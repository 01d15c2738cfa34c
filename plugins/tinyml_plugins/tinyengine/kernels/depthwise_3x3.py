"""Depthwise convolution by the inner loops of ``tinyml_depthwise_3x3.h``: 3 x 3 taps, two rows of output at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import hexadecimal
from tinyml_plugins.tinyengine.geometry import Geometry, geometry
from tinyml_plugins.tinyengine.kernel import INT8, Layer, Types
from tinyml_plugins.tinyengine.kernels.depthwise_rings import depthwise_requantiser, requantises, used
from tinyml_plugins.tinyengine.kernels.variable_tables import Tables, scheduled
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import folded_bias
from tinyml_plugins.tinyengine.timing import cycles
from tinyml_plugins.tinyengine.variables import lower_layer

GROUP = 4
"""Channels gathered at once."""
RECORD = 24
"""Bytes of a channel in flash: shift, taps, bias and mantissa."""
COLUMNS = 64
"""Bytes of two columns of the plane."""
ROW_COLUMNS = 48
"""The same for one row."""
TAP_ORDER = (0, 1, 1, 2)
"""Taps of a column as the bytes of a word, which SXTB16 widens to (0, 1) and (1, 2)."""
START_ROW = 36
"""What it takes to start a row of a channel, in gathered elements."""
START_ROWS = 28
"""The same for two rows at a time."""


class Depthwise3x3:
    """Filters of 3 x 3 taps with a column stride of 1, one for each of at least four channels."""

    name: ClassVar[str] = "depthwise_3x3"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The whole output in place, where rows are neither skipped nor dilated, and row by row."""
        g = geometry(node, graph)
        if not _known(g) or not requantises(depthwise_requantiser(node, graph)):
            return []
        schedules = [self._schedule(profile, g, rows=True)]
        if g.stride[0] == 1 and g.dilation[0] == 1:
            schedules.insert(0, self._schedule(profile, g, rows=False))
        return scheduled(schedules, node, graph, profile, tables=RECORD * g.channels)

    def _schedule(self, profile: HardwareProfile, g: Geometry, *, rows: bool) -> Schedule:
        pairs = -(-g.out_height // 2)
        gathered = g.out_height * (3 * g.width + START_ROW)
        if not rows:
            gathered = 2 * (pairs + 1) * g.width + pairs * START_ROWS
        outputs = (g.out_height if rows else 2 * pairs) * g.out_width * g.channels
        follows = g.out_width <= g.width and g.pixels <= g.height * g.width and g.top < 3
        return Schedule(
            kernel=self.name,
            cycles=cycles(self.name, profile, macs=9 * outputs, outputs=outputs, gathered=gathered * g.channels),
            scratch=(ROW_COLUMNS if rows else COLUMNS) * twos(g),
            in_place=(0,) if follows and not rows else (),
            flash=RECORD * g.channels,
            rows=rows,
        )

    def emit(self, *, layer: Layer) -> str:
        """A call of the function for the rounding."""
        g = geometry(layer.node, layer.graph)
        lowering = lower_layer(layer.node, layer.graph)
        to, tables = lowering.requantisation, Tables(layer, lowering)
        table = layer.constant("records", "uint32_t", hexadecimal(records(layer.node, layer.graph)))
        fields = {
            "records": _filled(tables, table, g) if lowering.variable else table,
            "height": g.height,
            "width": g.width,
            "depth": g.channels,
            "top": g.top,
            "column": g.left,
            "used": used(g),
            "columns": twos(g),
            "out_height": g.out_height,
            "out_width": g.out_width,
            "zero": lowering.input_zero_point,
            "zero_point": to.zero_point,
            "low": to.low,
            "high": to.high,
        }
        body = render(
            "kernels/depthwise_rings.c.j2",
            storage=tables.storage,
            family="tinyml_depthwise_3x3",
            g=g,
            fields=fields,
            rowwise=layer.rowwise,
            variant=to.by.rounding.value,
            source=layer.row_source(0, "from") if layer.rowwise else layer.source(),
            target=layer.row_target("row") if layer.rowwise else layer.target(),
            scratch=layer.scratch("uint32_t"),
        )
        return tables.prologue + body


def twos(g: Geometry) -> int:
    """Columns of the plane in twos."""
    return -(-max(g.out_width + 2, g.left + used(g)) // 2)


def records(node: Node, graph: Graph) -> npt.NDArray[np.uint32]:
    """What the inner loops read of each channel, [channels, words]."""
    lowering = lower_layer(node, graph)
    taps = lowering.weights.reshape(3, 3, -1)
    bias = folded_bias(lowering, taps.reshape(9, -1).T).astype(np.int64)
    by = lowering.requantisation.by
    shift = np.broadcast_to(np.array(by.shift, np.int64), bias.shape)
    if by.rounding is Rounding.TFLITE:
        bias, shift = 2 * bias, -shift
    else:
        bias = bias << shift
    mantissa = np.broadcast_to(np.array(by.mantissa, np.int64), bias.shape)
    columns = np.ascontiguousarray(taps[list(TAP_ORDER)].transpose(2, 1, 0)).view(np.uint8).reshape(-1, 12).view("<u4")
    around = (np.stack([shift, bias, mantissa], 1) & 0xFFFFFFFF).astype(np.uint32)
    return np.concatenate([around[:, :1], columns, around[:, 1:]], 1)


def _filled(tables: Tables, records: str, g: Geometry) -> str:
    """C expression of ``records`` with the variables in them."""
    place, lowering = tables.place(RECORD * g.channels), tables.lowering
    tflite = int(lowering.requantisation.by.rounding is Rounding.TFLITE)
    values = (place, records, g.channels, tables.biases, tables.weights or "0", lowering.input_zero_point, tflite)
    tables.statements.append(f"tinyml_variable_3x3({', '.join(map(str, values))});")
    return place


def _known(g: Geometry) -> bool:
    return (
        g.out_channels == g.channels
        and g.channels >= GROUP
        and g.kernel == (3, 3)
        and g.stride[1] == 1
        and g.dilation[1] == 1
    )
