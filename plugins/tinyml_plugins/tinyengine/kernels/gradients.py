"""Gradients of training steps: masks, biases, weights and maximum pooling; see input_gradients.py for the others.

Every sum has the one order that the arithmetic fixes; several sums go side by side. A step has one sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import (
    Conv2DWeightGradient,
    DepthwiseWeightGradient,
    MaxPoolGradient,
    SaturationMask,
)
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.geometry import Geometry
from tinyml_plugins.tinyengine.kernel import C_TYPES, FLOAT, Layer, Types
from tinyml_plugins.tinyengine.kernels.float_layers import constant_bytes
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles

TILE = 4
"""Rows and columns of a tile of sums, ``TINYML_TILE`` in C."""


def schedule(
    name: str, node: Node, graph: Graph, profile: HardwareProfile, *, in_place: tuple[int, ...] = (), scratch: int = 0
) -> Schedule:
    """The only schedule of a kernel, by its multiply-accumulates and outputs."""
    inputs, (output,) = graph.inputs_of(node), graph.outputs_of(node)
    estimate = cycles(name, profile, macs=node.op.macs(inputs, [output]), outputs=output.elements)
    flash = constant_bytes(node, graph)
    return Schedule(kernel=name, cycles=estimate, in_place=in_place, scratch=scratch, flash=flash)


class Saturation:
    """Mask of an int8 activation, in place: eight elements are read before their byte is written."""

    name: ClassVar[str] = "saturation_mask"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.INT8, DType.UINT8)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule, by the elements read."""
        (source,) = graph.inputs_of(node)
        estimate = cycles(self.name, profile, outputs=source.elements)
        return [Schedule(kernel=self.name, cycles=estimate, in_place=(0,), flash=constant_bytes(node, graph))]

    def emit(self, *, layer: Layer) -> str:
        """A loop over bytes, then the bits of the last one."""
        op = layer.node.op
        assert isinstance(op, SaturationMask)
        whole, rest = divmod(layer.inputs[0].elements, 8)
        return render(
            "kernels/saturation_mask.c.j2",
            whole=whole,
            rest=rest,
            base=op.low + 1,
            count=max(op.high - op.low - 1, 0),
            source=layer.source(),
            target=layer.target(),
        )


class MaskedScaling:
    """A gradient times the factors of its channels where a mask lets it through, in place."""

    name: ClassVar[str] = "masked_scale"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        return [schedule(self.name, node, graph, profile, in_place=(0,))]

    def emit(self, *, layer: Layer) -> str:
        """Loops over rows and channels, eight at a time where no byte of the mask holds bits of two rows."""
        gradient, _, factors = layer.inputs
        single = factors.shape == (1,)
        channels = gradient.elements if single else gradient.shape[-1]
        return render(
            "kernels/masked_scale.c.j2",
            rows=gradient.elements // channels,
            channels=channels,
            eights=channels % 8 == 0,
            single=single,
            source=layer.source(),
            bits=layer.source(1),
            factors=layer.source(2),
            target=layer.target(),
        )


class BiasSums:
    """Sums of a gradient over all pixels."""

    name: ClassVar[str] = "bias_gradient"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule, by the elements read."""
        (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
        estimate = cycles(self.name, profile, macs=source.elements, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, flash=constant_bytes(node, graph))]

    def emit(self, *, layer: Layer) -> str:
        """Loops over channels, a tile of them at a time, and pixels."""
        (channels,) = layer.output.shape
        return render(
            "kernels/bias_gradient.c.j2",
            channels=channels,
            pixels=layer.inputs[0].elements // channels,
            tile=TILE if channels >= TILE else 1,
            source=layer.source(),
            target=layer.target(),
        )


def _geometry(layer: Layer) -> Geometry:
    """The window whose weights or maxima the gradient belongs to: its image and its output are inputs here."""
    op = layer.node.op
    assert isinstance(op, Conv2DWeightGradient | DepthwiseWeightGradient | MaxPoolGradient)
    _, height, width, channels = layer.inputs[0].shape
    _, out_height, out_width, out_channels = layer.inputs[-1].shape
    return Geometry(
        height, width, channels, out_height, out_width, out_channels, op.kernel, op.stride, op.dilation,
        op.padding[0], op.padding[2],
    )  # fmt: skip


def _emit_weights(layer: Layer, function: str, tap_step: int, *last: int) -> str:
    g, image = _geometry(layer), layer.inputs[0]
    return render(
        "kernels/weight_gradient.c.j2",
        g=g,
        flat=g.pointwise and g.stride == (1, 1),
        function=function,
        tap_step=tap_step,
        zero_point=image.zero_point if image.quantization else 0,
        last=", ".join(map(str, last)),
        source=layer.source(),
        gradient=layer.source(1),
        target=layer.target(),
    )


class ConvolutionWeights:
    """Gradient of a convolution's weights: for each tap a product of two matrices, in tiles."""

    name: ClassVar[str] = "conv2d_weight_gradient"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.INT8, DType.FLOAT32)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        return [schedule(self.name, node, graph, profile)]

    def emit(self, *, layer: Layer) -> str:
        """Loops over taps; what a tap reads beyond the image is left out."""
        filters, rows, columns, channels = layer.output.shape
        suffix = "" if min(filters, channels) >= TILE else "_small"
        shape = (filters, channels, rows * columns * channels)
        return _emit_weights(layer, f"tinyml_weight_gradient{suffix}", channels, *shape)


class DepthwiseWeights:
    """Gradient of a depthwise convolution's weights."""

    name: ClassVar[str] = "depthwise_weight_gradient"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.INT8, DType.FLOAT32)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        return [schedule(self.name, node, graph, profile)]

    def emit(self, *, layer: Layer) -> str:
        """Loops over taps; what a tap reads beyond the image is left out."""
        filters = layer.output.shape[3]
        multiplier = filters // layer.inputs[0].shape[3]
        return _emit_weights(layer, "tinyml_depthwise_weight_gradient", filters, filters, multiplier)


class MaxPoolScatter:
    """Gradient of maximum pooling: each window adds to the first of its pixels that equals its output."""

    name: ClassVar[str] = "max_pool_gradient"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.INT8, DType.FLOAT32), (DType.FLOAT32, DType.FLOAT32)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule for one sample."""
        inputs, (output,) = graph.inputs_of(node), graph.outputs_of(node)
        if output.shape[0] != 1:
            return []
        compared = node.op.operations(inputs, [output])
        estimate = cycles(self.name, profile, macs=compared, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, flash=constant_bytes(node, graph))]

    def emit(self, *, layer: Layer) -> str:
        """Loops over windows, channels and taps."""
        return render(
            "kernels/max_pool_gradient.c.j2",
            g=_geometry(layer),
            ctype=C_TYPES[layer.inputs[0].dtype],
            source=layer.source(),
            greatest=layer.source(1),
            gradient=layer.source(2),
            target=layer.target(),
        )
