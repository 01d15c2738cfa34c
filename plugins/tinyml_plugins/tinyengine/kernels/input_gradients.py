"""Gradients of the inputs of convolutions: each element gathers from the windows that read it.

Weights are int8, constant or computed, and a step has one sample. Weights are finite: zeros between and around the
gradient change no sum, which starts at 0 and so never is -0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2DInputGradient, DepthwiseInputGradient
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.kernel import FLOAT, Layer, Types
from tinyml_plugins.tinyengine.kernels.gradients import TILE, schedule
from tinyml_plugins.tinyengine.rendering import render


@dataclass(frozen=True)
class Phase:
    """Pixels along one axis that the same taps read, as ``tinyml_phase`` in C."""

    first: int
    step: int
    pixels: int
    tap: int
    tap_step: int
    taps: int
    window: int
    window_step: int


@dataclass(frozen=True)
class Axis:
    """The geometry along one axis: pixels of the input, ``before`` of padding, and the windows that read them."""

    size: int
    before: int
    kernel: int
    stride: int
    dilation: int
    windows: int

    @property
    def tap_step(self) -> int:
        """From one tap that reads a pixel to the next, where the image has no end."""
        return self.stride // math.gcd(self.stride, self.dilation)

    @property
    def window_step(self) -> int:
        """From the window of such a tap down to that of the next."""
        return self.dilation // math.gcd(self.stride, self.dilation)

    def _reads(self, pixel: int) -> list[tuple[int, int]]:
        """Taps that read a pixel and their windows, those that do not exist too."""
        starts = ((tap, pixel + self.before - tap * self.dilation) for tap in range(self.kernel))
        return [(tap, start // self.stride) for tap, start in starts if start % self.stride == 0]

    @property
    def _reach(self) -> tuple[int, int]:
        """The first and last window that would read a pixel."""
        windows = [window for pixel in range(self.size) for _, window in self._reads(pixel)]
        return min(windows, default=0), max(windows, default=0)

    @property
    def plane_before(self) -> int:
        """Zeros in front of the windows in a plane."""
        return max(0, -self._reach[0])

    @property
    def plane_size(self) -> int:
        """Windows and the zeros around them."""
        return self.plane_before + max(self.windows, self._reach[1] + 1)

    @property
    def phases(self) -> list[Phase]:
        """All pixels, by the taps that read them."""
        found = []
        for first in range(min(self.stride, self.size)):
            reads = self._reads(first)
            tap, window = reads[0] if reads else (0, 0)
            pixels = -(-(self.size - first) // self.stride)
            found.append(
                Phase(
                    first, self.stride, pixels, tap, self.tap_step, len(reads), window + self.plane_before,
                    self.window_step,
                )
            )  # fmt: skip
        return found


def axes(node: Node, graph: Graph) -> tuple[Axis, Axis]:
    """Rows and columns of a convolution whose input's gradient is wanted."""
    op, (gradient, weights) = node.op, graph.inputs_of(node)
    assert isinstance(op, Conv2DInputGradient | DepthwiseInputGradient)
    rows, columns = (
        Axis(
            (op.height, op.width)[axis], op.padding[2 * axis], weights.shape[1 + axis], op.stride[axis],
            op.dilation[axis], gradient.shape[1 + axis],
        )
        for axis in (0, 1)
    )  # fmt: skip
    return rows, columns


def _is_known(node: Node, graph: Graph) -> bool:
    gradient, weights = graph.inputs_of(node)
    return gradient.shape[0] == 1 and weights.dtype is DType.INT8


def _is_pointwise(node: Node, graph: Graph) -> bool:
    return all((axis.kernel, axis.stride, axis.before) == (1, 1, 0) for axis in axes(node, graph)) and (
        graph.inputs_of(node)[0].shape[1:3] == graph.outputs_of(node)[0].shape[1:3]
    )


class PointwiseInput:
    """Gradient of a pointwise convolution's input: a product of two matrices, in tiles."""

    name: ClassVar[str] = "pointwise_input_gradient"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule where every window is one pixel."""
        if not _is_known(node, graph) or not _is_pointwise(node, graph):
            return []
        return [schedule(self.name, node, graph, profile)]

    def emit(self, *, layer: Layer) -> str:
        """A call."""
        _, height, width, channels = layer.output.shape
        suffix = "" if min(height * width, channels) >= TILE else "_small"
        return render(
            "kernels/pointwise_input_gradient.c.j2",
            function=f"tinyml_pointwise_input{suffix}",
            pixels=height * width,
            filters=layer.inputs[0].shape[3],
            channels=channels,
            source=layer.source(),
            weights=layer.source(1),
            target=layer.target(),
        )


class ConvolutionInput:
    """Gradient of any convolution's input."""

    name: ClassVar[str] = "conv2d_input_gradient"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule where some window is more than one pixel."""
        if not _is_known(node, graph) or _is_pointwise(node, graph):
            return []
        return [schedule(self.name, node, graph, profile)]

    def emit(self, *, layer: Layer) -> str:
        """Loops over pixels, channels, filters and the taps that read the pixel."""
        rows, columns = axes(layer.node, layer.graph)
        channels = layer.output.shape[3]
        return render(
            "kernels/conv2d_input_gradient.c.j2",
            rows=rows,
            columns=columns,
            height=rows.size,
            width=columns.size,
            channels=channels,
            filters=layer.inputs[0].shape[3],
            tile=TILE if channels >= TILE else 1,
            source=layer.source(),
            weights=layer.source(1),
            target=layer.target(),
        )


class DepthwiseInput:
    """Gradient of a depthwise convolution's input, over a plane: the gradient of one output channel among zeros.

    With one filter for each channel it works in place: a channel only ever lands on itself, once it is in the plane.
    """

    name: ClassVar[str] = "depthwise_input_gradient"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        if not _is_known(node, graph):
            return []
        op, (rows, columns) = node.op, axes(node, graph)
        assert isinstance(op, DepthwiseInputGradient)
        elements = rows.plane_size * columns.plane_size + rows.kernel * columns.kernel
        in_place = (0,) if op.multiplier == 1 else ()
        return [schedule(self.name, node, graph, profile, in_place=in_place, scratch=4 * elements)]

    def emit(self, *, layer: Layer) -> str:
        """A loop over filters; pixels that the same taps read go together."""
        op, (rows, columns) = layer.node.op, axes(layer.node, layer.graph)
        assert isinstance(op, DepthwiseInputGradient)
        return render(
            "kernels/depthwise_input_gradient.c.j2",
            rows=rows,
            columns=columns,
            plane_rows=rows.plane_size,
            plane_columns=columns.plane_size,
            channels=layer.output.shape[3],
            multiplier=op.multiplier,
            source=layer.source(),
            weights=layer.source(1),
            scratch=layer.scratch("float"),
            target=layer.target(),
        )
