"""Depthwise convolution by the inner loops of ``tinyml_depthwise.h``: four channels at a time over a ring of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.depthwise_assembly import first_column
from tinyml_plugins.tinyengine.geometry import Geometry, geometry
from tinyml_plugins.tinyengine.kernel import INT8, Layer, Types
from tinyml_plugins.tinyengine.kernels.variable_tables import Tables, scheduled
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import Requantiser, channel_bytes, folded_bias, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles
from tinyml_plugins.tinyengine.variables import lower_layer

GROUP = 4
"""Channels gathered at once, and output pixels computed at once."""
TAPS = (3, 5, 7)
"""Rows and columns of the filters there are inner loops for."""
RECORD = 11
"""Words in front of the weights of a channel."""
START = 25
"""What it takes to start a row of a channel, in gathered elements."""
PREPARATION = 2
"""What it takes to prepare a weight, in gathered elements; row by row all are prepared for each row."""
MOST_LEFT_SHIFT = 8
"""Bits by which a weight can be shifted within an int16."""
MOST_RIGHT_SHIFT = 22
"""Bits by which a result with its zero point can be shifted within an int32."""


class DepthwiseRings:
    """Square filters of 3, 5 or 7 taps with a column stride of 1 or 2, one for each of at least four channels.

    Those of 3 taps with a column stride of 1 are left to ``depthwise_3x3``.
    """

    name: ClassVar[str] = "depthwise_rings"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The whole output in place, and row by row; none for other filters or factors beyond the inner loops."""
        g = geometry(node, graph)
        if not _known(g) or not requantises(depthwise_requantiser(node, graph)):
            return []
        schedules = [self._schedule(node, graph, profile, g, rows=True)]
        if g.dilation[0] == 1:
            schedules.insert(0, self._schedule(node, graph, profile, g, rows=False))
        channels, weights = channel_bytes(node, graph), graph.inputs_of(node)[1].bytes
        return scheduled(schedules, node, graph, profile, tables=channels, filters=weights)

    def _schedule(self, node: Node, graph: Graph, profile: HardwareProfile, g: Geometry, *, rows: bool) -> Schedule:
        k, outputs = g.kernel[0], g.pixels * g.out_channels
        gathered = g.out_height * k * g.width if rows else g.height * g.width
        gathered += START * g.out_height + k * k * PREPARATION * (g.out_height if rows else 1)
        words = k - 1 if g.stride[1] == 1 else (k + 1) // 2
        record = RECORD + (2 * k - 1) * words
        follows = g.out_width <= g.width and g.pixels <= g.height * g.width and g.top < k
        return Schedule(
            kernel=self.name,
            cycles=cycles(self.name, profile, macs=outputs * k * k, outputs=outputs, gathered=gathered * g.channels),
            scratch=4 * (1 if rows else GROUP) * record + 2 * 4 * GROUP * k * quads(g),
            in_place=(0,) if follows and not rows else (),
            flash=graph.inputs_of(node)[1].bytes + channel_bytes(node, graph),
            rows=rows,
        )

    def emit(self, *, layer: Layer) -> str:
        """A call of the function for this filter."""
        g = geometry(layer.node, layer.graph)
        lowering = lower_layer(layer.node, layer.graph)
        tables = Tables(layer, lowering)
        filters = lowering.weights.reshape(-1, g.out_channels).T
        activation = depthwise_requantiser(layer.node, layer.graph)
        to = activation.requantisation
        columns = activation.columns(folded_bias(lowering, filters))
        fields = {
            **tables.filters(filters, lambda: tables.records("int32_t", literals(columns), columns)),
            "fields": columns.shape[1],
            "height": g.height,
            "width": g.width,
            "depth": g.channels,
            "top": g.top,
            "column": g.left + first(g),
            "used": used(g),
            "quads": quads(g),
            "odd": g.left % 2,
            "stride": g.stride[0],
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
            family="tinyml_depthwise",
            g=g,
            fields=fields,
            rowwise=layer.rowwise,
            variant=f"{g.kernel[0]}_{g.stride[1]}_{to.by.rounding.value}",
            source=layer.row_source(0, "from") if layer.rowwise else layer.source(),
            target=layer.row_target("row") if layer.rowwise else layer.target(),
            scratch=layer.scratch("uint32_t"),
        )
        return tables.prologue + body


def first(g: Geometry) -> int:
    """The column of the plane at which the first window starts."""
    return first_column(g.kernel[1]) if g.stride[1] == 1 else g.left % 2


def quads(g: Geometry) -> int:
    """Columns of the plane in fours."""
    columns = (g.out_width - 1) * g.stride[1] + g.kernel[1] + first(g)
    return -(-max(columns, g.left + first(g) + used(g)) // GROUP)


def used(g: Geometry) -> int:
    """Columns of the image that windows reach."""
    return max(0, min(g.width, g.reach[1] - g.left))


def _known(g: Geometry) -> bool:
    return (
        g.out_channels == g.channels
        and g.channels >= GROUP
        and g.kernel[0] == g.kernel[1]
        and g.kernel[0] in TAPS
        and g.stride[1] in ((2,) if g.kernel[0] == TAPS[0] else (1, 2))
        and g.dilation[1] == 1
    )


def depthwise_requantiser(node: Node, graph: Graph) -> Requantiser:
    """The requantiser of a depthwise convolution."""
    lowering = lower_layer(node, graph)
    return linear_requantiser(lowering, lowering.weights.reshape(-1, lowering.weights.shape[-1]).T)


def requantises(activation: Requantiser) -> bool:
    """Whether the shifts of all channels can be put into int16 weights, or follow a product within 32 bits."""
    shift = activation.requantisation.by.shift
    if activation.requantisation.by.rounding is Rounding.SINGLE:
        return max(shift) <= MOST_LEFT_SHIFT and activation.reach << max(shift) < 1 << 31
    return min(shift) >= -MOST_RIGHT_SHIFT and max(shift) < 0 and activation.reach < 1 << 30
