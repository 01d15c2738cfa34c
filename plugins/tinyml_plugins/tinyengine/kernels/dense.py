"""Dense layer: a direct one for any core, and one over columns of int16 for cores with SMLAD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.geometry import Geometry
from tinyml_plugins.tinyengine.kernel import INT8, QUANTISED, Layer, Types
from tinyml_plugins.tinyengine.kernels import columns, variable_columns
from tinyml_plugins.tinyengine.kernels.convolution import direct
from tinyml_plugins.tinyengine.kernels.variable_tables import Tables, scheduled
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import channel_bytes, folded_bias, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles
from tinyml_plugins.tinyengine.variables import lower_layer


class DenseDirect:
    """Any dense layer, one product at a time."""

    name: ClassVar[str] = "dense_direct"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = QUANTISED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        schedule = _schedule(self.name, node, graph, profile)
        return scheduled([schedule], node, graph, profile, tables=channel_bytes(node, graph))

    def emit(self, *, layer: Layer) -> str:
        """Loops over rows, filters and taps."""
        lowering = lower_layer(layer.node, layer.graph)
        if lowering.variable_weights:  # which no share of the zero point can be known of
            return direct(layer, _geometry(layer.node, layer.graph))
        tables = Tables(layer, lowering)
        activation = linear_requantiser(lowering, lowering.weights, layer.output.dtype)
        bias = folded_bias(lowering, lowering.weights)
        body = render(
            "kernels/dense_direct.c.j2",
            rows=layer.inputs[0].shape[0],
            outputs=len(lowering.weights),
            depth=lowering.weights.shape[1],
            source=layer.source(),
            target=layer.target(),
            activation=activation,
            weights=layer.constant("weights", "int8_t", literals(lowering.weights)),
            channels=tables.channels(activation, bias),
        )
        return tables.prologue + body


class DenseColumns:
    """Any dense layer: a pointwise convolution of its rows."""

    name: ClassVar[str] = "dense_columns"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8
    wide: ClassVar[bool] = False

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        filters = _filters(node, graph, self.wide)
        schedules = [columns.schedule(self.name, filters, profile, rows=False)]
        return variable_columns.scheduled(schedules, node, graph, profile, filters)

    def emit(self, *, layer: Layer) -> str:
        """The rows through the filters."""
        return columns.emit(layer, _filters(layer.node, layer.graph, self.wide))


class WideDenseColumns(DenseColumns):
    """The same with weights of int16: fewer instructions for twice the flash."""

    name: ClassVar[str] = "dense_columns_wide"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp", "wide_weights"})
    wide: ClassVar[bool] = True


def _filters(node: Node, graph: Graph, wide: bool) -> columns.Filters:
    return columns.filters_of(node, graph, _geometry(node, graph), wide=wide)


def _geometry(node: Node, graph: Graph) -> Geometry:
    outputs, depth = graph.inputs_of(node)[1].shape
    rows = graph.outputs_of(node)[0].elements // outputs
    return Geometry(1, rows, depth, 1, rows, outputs, (1, 1), (1, 1), (1, 1), 0, 0)


def _schedule(kernel: str, node: Node, graph: Graph, profile: HardwareProfile) -> Schedule:
    (output,) = graph.outputs_of(node)
    image, weights = graph.inputs_of(node)[:2]
    macs = output.elements * image.shape[1]
    loops = kernel if weights.data is not None else "conv2d_direct"  # see DenseDirect.emit
    return Schedule(
        kernel=kernel,
        cycles=cycles(loops, profile, macs=macs, outputs=output.elements),
        flash=weights.bytes + channel_bytes(node, graph),
    )
