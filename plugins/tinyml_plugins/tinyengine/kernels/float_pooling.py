"""float32 pooling over a window; a batch is a loop around everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import AveragePool2D, MaxPool2D
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.geometry import geometry
from tinyml_plugins.tinyengine.kernel import FLOAT, Layer, Types
from tinyml_plugins.tinyengine.limits import limited
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles


class FloatPool:
    """Average and maximum pooling."""

    name: ClassVar[str] = "float_pool"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        op, (output,) = node.op, graph.outputs_of(node)
        assert isinstance(op, AveragePool2D | MaxPool2D)
        taps = output.elements * op.kernel[0] * op.kernel[1]
        return [Schedule(kernel=self.name, cycles=cycles(self.name, profile, macs=taps, outputs=output.elements))]

    def emit(self, *, layer: Layer) -> str:
        """Loops over output pixels, channels and the taps inside the image."""
        op = layer.node.op
        assert isinstance(op, AveragePool2D | MaxPool2D)
        return render(
            "kernels/float_pool.c.j2",
            g=geometry(layer.node, layer.graph),
            samples=layer.output.shape[0],
            average=isinstance(op, AveragePool2D),
            limited=limited("value", op.activation),
            source=layer.source(),
            target=layer.target(),
        )
