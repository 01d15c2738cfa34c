"""Convolution: a direct one for any core, and one over columns of int16 for cores with SMLAD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.geometry import Geometry, geometry
from tinyml_plugins.tinyengine.kernel import INT8, QUANTISED, Layer, Types
from tinyml_plugins.tinyengine.kernels import columns, variable_columns
from tinyml_plugins.tinyengine.kernels.variable_tables import Tables, scheduled
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import channel_bytes, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles
from tinyml_plugins.tinyengine.variables import lower_layer


def direct(layer: Layer, g: Geometry) -> str:
    """Loops over output pixels, filters and taps of a layer that is a convolution of geometry ``g``."""
    lowering = lower_layer(layer.node, layer.graph)
    activation = linear_requantiser(lowering, lowering.weights.reshape(g.out_channels, -1), layer.output.dtype)
    tables = Tables(layer, lowering)
    body = render(
        "kernels/conv2d_direct.c.j2",
        g=g,
        zero=lowering.input_zero_point,
        source=layer.source(),
        target=layer.target(),
        activation=activation,
        weights=tables.weights or layer.constant("weights", "int8_t", literals(lowering.weights)),
        channels=tables.channels(activation, lowering.bias),
    )
    return tables.prologue + body


def _macs(g: Geometry) -> int:
    return g.pixels * g.out_channels * g.kernel[0] * g.kernel[1] * g.channels


class ConvolutionDirect:
    """Any convolution, without scratch."""

    name: ClassVar[str] = "conv2d_direct"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = QUANTISED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        g, channels = geometry(node, graph), channel_bytes(node, graph)
        schedule = Schedule(
            kernel=self.name,
            cycles=cycles(self.name, profile, macs=_macs(g), outputs=g.pixels * g.out_channels),
            flash=graph.inputs_of(node)[1].bytes + channels,
        )
        return scheduled([schedule], node, graph, profile, tables=channels)

    def emit(self, *, layer: Layer) -> str:
        """Loops over output pixels, filters and taps; padded taps are skipped."""
        return direct(layer, geometry(layer.node, layer.graph))


class ConvolutionColumns:
    """Any convolution, over windows widened to scratch, by rows or whole."""

    name: ClassVar[str] = "conv2d_columns"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8
    wide: ClassVar[bool] = False

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The whole layer, and one row at a time."""
        filters = columns.filters_of(node, graph, geometry(node, graph), wide=self.wide)
        schedules = [columns.schedule(self.name, filters, profile, rows=rows) for rows in (False, True)]
        return variable_columns.scheduled(schedules, node, graph, profile, filters)

    def emit(self, *, layer: Layer) -> str:
        """A run of pixels through the filters, or loops over windows."""
        g = geometry(layer.node, layer.graph)
        return columns.emit(layer, columns.filters_of(layer.node, layer.graph, g, wide=self.wide))


class WideConvolutionColumns(ConvolutionColumns):
    """The same with weights of int16: fewer instructions for twice the flash."""

    name: ClassVar[str] = "conv2d_columns_wide"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp", "wide_weights"})
    wide: ClassVar[bool] = True


class ConvolutionColumnsInParts:
    """A pointwise convolution with variable weights, packed a part at a time: less scratch, more columns."""

    name: ClassVar[str] = "conv2d_columns_parts"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The whole layer, where there is more than one part."""
        filters = columns.filters_of(node, graph, geometry(node, graph), wide=False)
        parts = filters.lowering.variable_weights and filters.g.out_channels > variable_columns.PART
        if not parts or not filters.contiguous(rows=False):
            return []
        whole = columns.schedule(self.name, filters, profile, rows=False)
        schedules = variable_columns.scheduled([whole], node, graph, profile, filters)
        return [variable_columns.parts_schedule(self.name, each, filters, profile) for each in schedules]

    def emit(self, *, layer: Layer) -> str:
        """All pixels through one part of the filters after the other."""
        g = geometry(layer.node, layer.graph)
        return variable_columns.emit_parts(layer, columns.filters_of(layer.node, layer.graph, g, wide=False))
