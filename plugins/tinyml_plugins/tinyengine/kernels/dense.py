"""Dense layer: a direct one for any core, and one by pairs of filters for cores with SMLAD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering import lower_linear
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import hexadecimal, literals
from tinyml_plugins.tinyengine.kernel import INT8, Layer, Types
from tinyml_plugins.tinyengine.packing import interleave, padded_depth
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import channel_bytes, folded_bias, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles


class DenseDirect:
    """Any dense layer, one product at a time."""

    name: ClassVar[str] = "dense_direct"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        outputs, depth = graph.inputs_of(node)[1].shape
        return [_schedule(self.name, node, graph, profile, outputs * depth)]

    def emit(self, *, layer: Layer) -> str:
        """Loops over rows, filters and taps."""
        lowering = lower_linear(layer.node, layer.graph)
        activation = linear_requantiser(lowering, lowering.weights)
        bias = folded_bias(lowering, lowering.weights)
        return render(
            "kernels/dense_direct.c.j2",
            rows=layer.inputs[0].shape[0],
            outputs=len(lowering.weights),
            depth=lowering.weights.shape[1],
            source=layer.source(),
            target=layer.target(),
            activation=activation,
            weights=layer.constant("weights", "int8_t", literals(lowering.weights)),
            channels=layer.constant("channels", activation.channel_type, activation.channels(bias)),
        )


class DensePairs:
    """Any dense layer: a word of weights feeds two filters, four inputs are widened on the way."""

    name: ClassVar[str] = "dense_pairs"
    needs: ClassVar[frozenset[str]] = frozenset({"dsp"})
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        outputs, depth = graph.inputs_of(node)[1].shape
        return [_schedule(self.name, node, graph, profile, -(-outputs // 2) * 2 * padded_depth(depth))]

    def emit(self, *, layer: Layer) -> str:
        """Loops over rows, pairs of filters and groups of four taps."""
        lowering = lower_linear(layer.node, layer.graph)
        activation = linear_requantiser(lowering, lowering.weights)
        bias = folded_bias(lowering, lowering.weights)
        outputs, depth = lowering.weights.shape
        return render(
            "kernels/dense_pairs.c.j2",
            rows=layer.inputs[0].shape[0],
            outputs=outputs,
            depth=depth,
            words=padded_depth(depth) // 2,
            source=layer.source(),
            target=layer.target(),
            activation=activation,
            weights=layer.constant("weights", "uint32_t", hexadecimal(interleave(lowering.weights, crossed=True))),
            channels=layer.constant("channels", activation.channel_type, activation.channels(bias)),
        )


def _schedule(kernel: str, node: Node, graph: Graph, profile: HardwareProfile, weight_bytes: int) -> Schedule:
    (output,) = graph.outputs_of(node)
    macs = output.elements * graph.inputs_of(node)[0].shape[1]
    return Schedule(
        kernel=kernel,
        cycles=cycles(kernel, profile, macs=macs, outputs=output.elements),
        flash=weight_bytes + channel_bytes(node, graph),
    )
