"""Convolution: a direct one for any core, and one over columns of int16 for cores with SMLAD.

``conv2d_columns`` copies two windows of the image to scratch as int16 (im2col), then computes two filters by two
windows at a time. A pointwise layer copies its pixels just so; since both are copied before anything is written, it can
write over its input when it has no more output than input channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering import lower_linear
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import hexadecimal, literals
from tinyml_plugins.tinyengine.geometry import Geometry, geometry
from tinyml_plugins.tinyengine.kernel import INT8, Layer, Types
from tinyml_plugins.tinyengine.packing import interleave, padded_depth
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import channel_bytes, folded_bias, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles

INT16_BYTES = 2


def _macs(g: Geometry) -> int:
    return g.pixels * g.out_channels * g.kernel[0] * g.kernel[1] * g.channels


class ConvolutionDirect:
    """Any convolution, without scratch."""

    name: ClassVar[str] = "conv2d_direct"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = INT8

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
        activation = linear_requantiser(lowering, lowering.weights.reshape(len(lowering.weights), -1))
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
    """Any convolution, over pairs of windows copied to scratch."""

    name: ClassVar[str] = "conv2d_columns"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule, in place for a pointwise layer that does not grow."""
        g = geometry(node, graph)
        depth = g.kernel[0] * g.kernel[1] * g.channels
        shrinks = g.pointwise and g.out_channels <= g.channels
        return [
            Schedule(
                kernel=self.name,
                cycles=cycles(
                    self.name, profile, macs=_macs(g), outputs=g.pixels * g.out_channels, gathered=g.pixels * depth
                ),
                scratch=min(2, g.pixels) * INT16_BYTES * padded_depth(depth),
                in_place=(0,) if shrinks else (),
                flash=-(-g.out_channels // 2) * 2 * padded_depth(depth) + channel_bytes(node, graph),
            )
        ]

    def emit(self, *, layer: Layer) -> str:
        """Loops over pairs of windows and pairs of filters."""
        g = geometry(layer.node, layer.graph)
        lowering = lower_linear(layer.node, layer.graph)
        filters = lowering.weights.reshape(g.out_channels, -1)
        activation = linear_requantiser(lowering, filters)
        bias = folded_bias(lowering, filters)
        return render(
            "kernels/conv2d_columns.c.j2",
            g=g,
            contiguous=g.pointwise and g.stride == (1, 1),
            depth=padded_depth(filters.shape[1]),
            zero=lowering.input_zero_point,
            source=layer.source(),
            target=layer.target(),
            scratch=layer.scratch("int16_t"),
            activation=activation,
            weights=layer.constant("weights", "uint32_t", hexadecimal(interleave(filters))),
            channels=layer.constant("channels", activation.channel_type, activation.channels(bias)),
        )
