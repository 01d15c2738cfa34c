"""Depthwise convolution, one channel at a time over a padded copy of it (a *plane*).

Once a channel lies in the plane, its elements of the input are free. With one filter for each channel and no more
output than input pixels, the output can therefore start at the input's address: channel c of any pixel only ever lands
on channel c of some pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.geometry import Geometry, geometry
from tinyml_plugins.tinyengine.kernel import C_TYPES, INT8, QUANTISED, Layer, Types
from tinyml_plugins.tinyengine.kernels.variable_tables import Tables, scheduled
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import channel_bytes, folded_bias, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles
from tinyml_plugins.tinyengine.variables import lower_layer

DIRECT = 2.5
"""Cycles without a plane, where every tap asks whether it is inside the image, to those with one."""
MOST_TAPS = 64
"""Words of a filter that :class:`DepthwiseRowPairs` still writes out one by one."""


@dataclass(frozen=True)
class Plane:
    """One channel with its padding; ``used_rows`` and ``used_columns`` of the image go into it.

    ``block_rows`` output rows are computed together from ``word_rows`` words, each of two rows of the plane.
    """

    rows: int
    columns: int
    used_rows: int
    used_columns: int
    block_rows: int = 1
    word_rows: int = 0


def plane(g: Geometry) -> Plane:
    """The plane with nothing but what the windows cover."""
    rows, columns = g.reach
    return Plane(rows, columns, min(g.height, max(rows - g.top, 0)), min(g.width, max(columns - g.left, 0)))


def row_pair_plane(g: Geometry) -> Plane:
    """The plane whose rows lie in pairs; the last block may reach beyond what the windows cover."""
    block_rows = 2 if g.stride[0] == 1 else 1
    word_rows = (g.kernel[0] + block_rows) // 2
    blocks, pairs = -(-g.out_height // block_rows), -(-g.out_width // 2)
    rows = (blocks - 1) * block_rows * g.stride[0] + 2 * word_rows
    columns = (2 * pairs - 1) * g.stride[1] + (g.kernel[1] - 1) * g.dilation[1] + 1
    return Plane(
        rows,
        columns,
        min(g.height, max(rows - g.top, 0)),
        min(g.width, max(columns - g.left, 0)),
        block_rows,
        word_rows,
    )


class DepthwisePlane:
    """Any depthwise convolution, over a plane of the input's type."""

    name: ClassVar[str] = "depthwise_plane"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = QUANTISED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The whole output, and row by row without a plane."""
        p = plane(geometry(node, graph))
        scratch = p.rows * p.columns * graph.outputs_of(node)[0].dtype.size
        whole = _schedule(self.name, node, graph, profile, scratch)
        slower = DIRECT * whole.cycles
        rows = replace(whole, rows=True, scratch=0, in_place=(), cycles=slower)
        return _scheduled([whole, rows], node, graph, profile)

    def emit(self, *, layer: Layer) -> str:
        """Loops over channels, output pixels and taps."""
        if layer.rowwise:
            return _emit_row(layer)
        return _emit(
            layer, "kernels/depthwise_plane.c.j2", plane(geometry(layer.node, layer.graph)), C_TYPES[layer.output.dtype]
        )


class DepthwiseRowPairs:
    """Depthwise convolution over an int16 plane whose rows lie in pairs, two taps of a column to an SMLAD.

    Knows a row stride of 1 or an even one, rows without dilation, and filters that are not too large to write out.
    """

    name: ClassVar[str] = "depthwise_row_pairs"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule, or none."""
        g = geometry(node, graph)
        p = row_pair_plane(g)
        dilated = g.dilation[0] > 1 and g.kernel[0] > 1
        if dilated or (g.stride[0] > 1 and g.stride[0] % 2) or p.word_rows * g.kernel[1] * p.block_rows > MOST_TAPS:
            return []
        blocks = -(-g.out_height // p.block_rows) * -(-g.out_width // 2)
        computed = blocks * p.block_rows * 2
        schedule = _schedule(self.name, node, graph, profile, 2 * p.rows * p.columns, computed)
        return _scheduled([schedule], node, graph, profile)

    def emit(self, *, layer: Layer) -> str:
        """Loops over channels and blocks of output pixels; taps are written out."""
        g = geometry(layer.node, layer.graph)
        p = row_pair_plane(g)
        return _emit(
            layer,
            "kernels/depthwise_row_pairs.c.j2",
            p,
            "int16_t",
            upper=tap_rows(g, p, 0),
            lower=tap_rows(g, p, 1),
            words=word_uses(g),
        )


def _scheduled(schedules: Sequence[Schedule], node: Node, graph: Graph, profile: HardwareProfile) -> list[Schedule]:
    weights = graph.inputs_of(node)[1].bytes
    return scheduled(schedules, node, graph, profile, tables=channel_bytes(node, graph), filters=weights)


def _schedule(
    kernel: str, node: Node, graph: Graph, profile: HardwareProfile, scratch: int, computed: int = 0
) -> Schedule:
    """``computed`` output pixels, those beyond the image included."""
    g = geometry(node, graph)
    weights = graph.inputs_of(node)[1]
    outputs = (computed or g.pixels) * g.out_channels
    free = g.out_channels == g.channels and g.pixels <= g.height * g.width
    return Schedule(
        kernel=kernel,
        cycles=cycles(
            kernel,
            profile,
            macs=outputs * g.kernel[0] * g.kernel[1],
            outputs=outputs,
            gathered=g.height * g.width * g.channels,
        ),
        scratch=scratch,
        in_place=(0,) if free else (),
        flash=weights.bytes + channel_bytes(node, graph),
    )


def tap_rows(g: Geometry, p: Plane, down: int) -> list[str]:
    """C initialisers of a filter's rows in pairs, the filter moved down by ``down`` rows."""

    def tap(row: int, column: int) -> str:
        return f"filter[{row * g.kernel[1] + column}]" if 0 <= row < g.kernel[0] else "0"

    return [
        ", ".join(f"tinyml_pack({tap(top, x)}, {tap(top + 1, x)})" for x in range(g.kernel[1]))
        for top in range(-down, 2 * p.word_rows - down, 2)
    ]


def word_uses(g: Geometry) -> list[tuple[int, list[tuple[int, int]]]]:
    """For each word of a row that a block reads, (output column, filter column) of every product it goes into."""
    uses: dict[int, list[tuple[int, int]]] = {}
    for dx in range(2):
        for kx in range(g.kernel[1]):
            uses.setdefault(dx * g.stride[1] + kx * g.dilation[1], []).append((dx, kx))
    return sorted(uses.items())


def _emit_row(layer: Layer) -> str:
    g = geometry(layer.node, layer.graph)
    lowering = lower_layer(layer.node, layer.graph)
    filters = lowering.weights.reshape(-1, g.out_channels).T
    activation = linear_requantiser(lowering, filters, layer.output.dtype)
    tables = Tables(layer, lowering)
    body = render(
        "kernels/depthwise_row.c.j2",
        g=g,
        multiplier=g.out_channels // g.channels,
        zero=lowering.input_zero_point,
        line=layer.row_source(0, "iy"),
        target=layer.row_target("row"),
        activation=activation,
        weights=layer.constant("weights", "int8_t", literals(filters)),
        channels=tables.channels(activation, lowering.bias),
    )
    return tables.prologue + body


def _emit(layer: Layer, template: str, p: Plane, plane_type: str, **values: object) -> str:
    g = geometry(layer.node, layer.graph)
    lowering = lower_layer(layer.node, layer.graph)
    filters = lowering.weights.reshape(-1, g.out_channels).T  # [channels, taps]
    activation = linear_requantiser(lowering, filters, layer.output.dtype)
    bias = folded_bias(lowering, filters)
    tables = Tables(layer, lowering)
    body = render(
        template,
        g=g,
        p=p,
        multiplier=g.out_channels // g.channels,
        zero=lowering.input_zero_point,
        source=layer.source(),
        target=layer.target(),
        scratch=layer.scratch(plane_type),
        activation=activation,
        **tables.filters(filters, lambda: tables.channels(activation, bias)),
        **values,
    )
    return tables.prologue + body
