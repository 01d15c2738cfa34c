"""Convolution: a direct one for any core, and one over columns of int16 for cores with SMLAD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering import lower_linear
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.geometry import Geometry, geometry
from tinyml_plugins.tinyengine.kernel import INT8, QUANTISED, Layer, Types
from tinyml_plugins.tinyengine.kernels import columns
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import channel_bytes, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles


def _macs(g: Geometry) -> int:
    return g.pixels * g.out_channels * g.kernel[0] * g.kernel[1] * g.channels


class ConvolutionDirect:
    """Any convolution, without scratch."""

    name: ClassVar[str] = "conv2d_direct"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = QUANTISED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        g = geometry(node, graph)
        return [
            Schedule(
                kernel=self.name,
                cycles=cycles(self.name, profile, macs=_macs(g), outputs=g.pixels * g.out_channels),
                flash=graph.inputs_of(node)[1].bytes + channel_bytes(node, graph),
            )
        ]

    def emit(self, *, layer: Layer) -> str:
        """Loops over output pixels, filters and taps; padded taps are skipped."""
        lowering = lower_linear(layer.node, layer.graph)
        activation = linear_requantiser(
            lowering, lowering.weights.reshape(len(lowering.weights), -1), layer.output.dtype
        )
        return render(
            "kernels/conv2d_direct.c.j2",
            g=geometry(layer.node, layer.graph),
            zero=lowering.input_zero_point,
            source=layer.source(),
            target=layer.target(),
            activation=activation,
            weights=layer.constant("weights", "int8_t", literals(lowering.weights)),
            channels=layer.constant("channels", activation.channel_type, activation.channels(lowering.bias)),
        )


class ConvolutionColumns:
    """Any convolution, over windows widened to scratch, by rows or whole."""

    name: ClassVar[str] = "conv2d_columns"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8
    wide: ClassVar[bool] = False

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """The whole layer, and one row at a time."""
        filters = columns.filters_of(node, graph, geometry(node, graph), wide=self.wide)
        return [columns.schedule(self.name, filters, profile, rows=rows) for rows in (False, True)]

    def emit(self, *, layer: Layer) -> str:
        """A run of pixels through the filters, or loops over windows."""
        g = geometry(layer.node, layer.graph)
        return columns.emit(layer, columns.filters_of(layer.node, layer.graph, g, wide=self.wide))


class WideConvolutionColumns(ConvolutionColumns):
    """The same with weights of int16: fewer instructions for twice the flash."""

    name: ClassVar[str] = "conv2d_columns_wide"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp", "wide_weights"})
    wide: ClassVar[bool] = True
