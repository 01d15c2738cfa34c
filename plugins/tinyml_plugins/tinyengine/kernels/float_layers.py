"""float32 convolutions, dense layers and batch normalisation, in the order of sums that the arithmetic fixes.

Weights may be constants or computed by other layers. A batch is a loop around everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import BatchNorm, Conv2D, DepthwiseConv2D, FullyConnected
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.geometry import geometry
from tinyml_plugins.tinyengine.kernel import FLOAT, Layer, Types
from tinyml_plugins.tinyengine.limits import limited
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles


def constant_bytes(node: Node, graph: Graph) -> int:
    """Flash of the constants a node reads as they are."""
    return sum(tensor.bytes for tensor in graph.inputs_of(node) if tensor.data is not None)


class _FloatLayer:
    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        (output,) = graph.outputs_of(node)
        macs = node.op.macs(graph.inputs_of(node), [output])
        estimate = cycles(self.name, profile, macs=macs, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, flash=constant_bytes(node, graph))]


class FloatConvolution(_FloatLayer):
    """Any convolution; padded taps are skipped."""

    name: ClassVar[str] = "float_conv2d"

    def emit(self, *, layer: Layer) -> str:
        """Loops over output pixels, filters and taps."""
        assert isinstance(layer.node.op, Conv2D)
        return _window(layer, "kernels/float_conv2d.c.j2")


class FloatDepthwise(_FloatLayer):
    """Any depthwise convolution; padded taps are skipped."""

    name: ClassVar[str] = "float_depthwise"

    def emit(self, *, layer: Layer) -> str:
        """Loops over output pixels, channels and taps."""
        assert isinstance(layer.node.op, DepthwiseConv2D)
        return _window(layer, "kernels/float_depthwise.c.j2")


def _window(layer: Layer, template: str) -> str:
    op = layer.node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    g = geometry(layer.node, layer.graph)
    return render(
        template,
        g=g,
        samples=layer.output.shape[0],
        multiplier=g.out_channels // g.channels,
        weights=layer.source(1),
        bias=layer.source(2) if len(layer.inputs) == 3 else "",
        limited=limited("value", op.activation),
        source=layer.source(),
        target=layer.target(),
    )


class FloatDense(_FloatLayer):
    """Any dense layer."""

    name: ClassVar[str] = "float_dense"

    def emit(self, *, layer: Layer) -> str:
        """Loops over rows, filters and taps."""
        op = layer.node.op
        assert isinstance(op, FullyConnected)
        outputs, depth = layer.inputs[1].shape
        return render(
            "kernels/float_dense.c.j2",
            rows=layer.inputs[0].shape[0],
            outputs=outputs,
            depth=depth,
            weights=layer.source(1),
            bias=layer.source(2) if len(layer.inputs) == 3 else "",
            limited=limited("value", op.activation),
            source=layer.source(),
            target=layer.target(),
        )


class FloatBatchNorm:
    """Batch normalisation by constants: one factor and one shift for each channel."""

    name: ClassVar[str] = "float_batch_norm"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule in place, where all parameters are constants."""
        values, *parameters = graph.inputs_of(node)
        if any(tensor.data is None for tensor in parameters):
            return []
        estimate = cycles(self.name, profile, outputs=values.elements)
        return [Schedule(kernel=self.name, cycles=estimate, in_place=(0,), flash=3 * parameters[0].bytes)]

    def emit(self, *, layer: Layer) -> str:
        """Loops over rows and channels; the factor ``gamma / sqrt(variance + epsilon)`` is computed now."""
        op = layer.node.op
        assert isinstance(op, BatchNorm)
        gamma, beta, mean, variance = (np.asarray(tensor.data, np.float32) for tensor in layer.inputs[1:])
        with np.errstate(all="ignore"):
            factor = gamma / np.sqrt(variance + np.float32(op.epsilon))
        rows = np.stack([mean, factor, beta], axis=1)
        return render(
            "kernels/float_batch_norm.c.j2",
            rows=layer.output.elements // len(rows),
            channels=len(rows),
            parameters=layer.constant("parameters", "float", literals(rows)),
            limited=limited("value", op.activation),
            source=layer.source(),
            target=layer.target(),
        )


class FloatBatchNormComputed:
    """Batch normalisation by parameters of which some are computed by other layers."""

    name: ClassVar[str] = "float_batch_norm_computed"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule in place, where a parameter is no constant."""
        values, *parameters = graph.inputs_of(node)
        if all(tensor.data is not None for tensor in parameters):
            return []
        estimate = cycles(self.name, profile, outputs=values.elements)
        return [Schedule(kernel=self.name, cycles=estimate, in_place=(0,), flash=constant_bytes(node, graph))]

    def emit(self, *, layer: Layer) -> str:
        """Loops over channels and rows; each channel takes one square root."""
        op = layer.node.op
        assert isinstance(op, BatchNorm)
        channels = layer.output.shape[-1]
        return render(
            "kernels/float_batch_norm_computed.c.j2",
            rows=layer.output.elements // channels,
            channels=channels,
            parameters=[layer.source(index) for index in range(1, 5)],
            epsilon=np.float32(op.epsilon),
            limited=limited("value", op.activation),
            source=layer.source(),
            target=layer.target(),
        )
