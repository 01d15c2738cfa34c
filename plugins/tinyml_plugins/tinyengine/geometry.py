"""Geometry of a sliding window: the constants that convolutions and poolings are specialised by."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import AveragePool2D, MaxPool2D
from tinyml_core.graph.operators.window import Window


@dataclass(frozen=True)
class Geometry:
    """Sizes in elements; ``top`` and ``left`` padding; kernel, stride and dilation as (rows, columns)."""

    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    top: int
    left: int

    @property
    def padded_rows(self) -> bool:
        """Whether some window reaches above or below the image."""
        return self.top > 0 or self.reach[0] - self.top > self.height

    @property
    def padded_columns(self) -> bool:
        """Whether some window reaches beside the image."""
        return self.left > 0 or self.reach[1] - self.left > self.width

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns of the padded image that the windows cover."""
        sizes = (self.out_height, self.out_width)
        rows, columns = (
            (sizes[axis] - 1) * self.stride[axis] + (self.kernel[axis] - 1) * self.dilation[axis] + 1 for axis in (0, 1)
        )
        return rows, columns

    @property
    def pointwise(self) -> bool:
        """Whether every window is one element of the image."""
        return self.kernel == (1, 1) and not self.padded_rows and not self.padded_columns

    @property
    def pixels(self) -> int:
        """Positions of the window."""
        return self.out_height * self.out_width


def geometry(node: Node, graph: Graph) -> Geometry:
    """The geometry of a node whose operator is a :class:`Window`; the batch is 1."""
    op = node.op
    assert isinstance(op, Window), op.kind
    inputs, (output,) = graph.inputs_of(node), graph.outputs_of(node)
    _, height, width, channels = inputs[0].shape
    _, out_height, out_width, out_channels = output.shape
    kernel = op.kernel if isinstance(op, AveragePool2D | MaxPool2D) else (inputs[1].shape[1], inputs[1].shape[2])
    return Geometry(
        height, width, channels, out_height, out_width, out_channels, kernel, op.stride, op.dilation,
        op.padding[0], op.padding[2],
    )  # fmt: skip
