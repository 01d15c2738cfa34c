"""Updates of integer parameters: channels put into whole weights, stochastic rounding, saturating subtraction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.reference.updates import STREAM_STEP
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import MergeChannels, StochasticRound
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.kernel import C_TYPES, UNCHANGED, Layer, Types
from tinyml_plugins.tinyengine.kernels.float_layers import constant_bytes
from tinyml_plugins.tinyengine.kernels.pointwise import alignment
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles


def _is_run(channels: Sequence[int]) -> bool:
    return not channels or channels[-1] - channels[0] == len(channels) - 1


class Merging:
    """Copy of the whole, then of the channels that learn."""

    name: ClassVar[str] = "merge_channels"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = UNCHANGED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        op, (whole, learnt) = node.op, graph.inputs_of(node)
        assert isinstance(op, MergeChannels)
        estimate = cycles(self.name, profile, outputs=whole.elements, gathered=learnt.elements)
        table = 0 if _is_run(op.channels) else 4 * len(op.channels)
        flash = constant_bytes(node, graph) + table
        return [Schedule(kernel=self.name, cycles=estimate, alignment=alignment((whole,)), flash=flash)]

    def emit(self, *, layer: Layer) -> str:
        """Two nests of loops; channels that are no run of neighbours stand in a table."""
        op, shape = layer.node.op, layer.output.shape
        assert isinstance(op, MergeChannels)
        if _is_run(op.channels):
            place = f"{op.channels[0]} + k" if op.channels and op.channels[0] else "k"
        else:
            place = f"{layer.constant('channels', 'int32_t', literals(op.channels))}[k]"
        return render(
            "kernels/merge_channels.c.j2",
            ctype=C_TYPES[layer.output.dtype],
            outer=math.prod(shape[: op.axis]),
            size=shape[op.axis],
            inner=math.prod(shape[op.axis + 1 :]),
            count=len(op.channels),
            place=place,
            source=layer.source(),
            learnt=layer.source(1),
            target=layer.target(),
        )


class StochasticRounding:
    """Rounding up or down by chance, in place."""

    name: ClassVar[str] = "stochastic_round"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.FLOAT32, DType.INT32)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        (output,) = graph.outputs_of(node)
        estimate = cycles(self.name, profile, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, in_place=(0,), flash=constant_bytes(node, graph))]

    def emit(self, *, layer: Layer) -> str:
        """A loop over elements."""
        op = layer.node.op
        assert isinstance(op, StochasticRound)
        return render(
            "kernels/stochastic_round.c.j2",
            count=layer.output.elements,
            stream=STREAM_STEP * (op.stream + 1) % (1 << 32),
            source=layer.source(),
            seed=layer.source(1),
            target=layer.target(),
        )


class SaturatingSubtraction:
    """A parameter minus its change, over the parameter or over the change."""

    name: ClassVar[str] = "saturating_subtract"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.INT8, DType.INT8), (DType.INT32, DType.INT32)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule; bytes lie before the changes that are still to be read."""
        (output,) = graph.outputs_of(node)
        estimate = cycles(self.name, profile, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, in_place=(0, 1), flash=constant_bytes(node, graph))]

    def emit(self, *, layer: Layer) -> str:
        """A loop over elements."""
        return render(
            "kernels/saturating_subtract.c.j2",
            ctype=C_TYPES[layer.output.dtype],
            function=f"tinyml_subtract_{layer.output.dtype.value}",
            count=layer.output.elements,
            source=layer.source(),
            change=layer.source(1),
            target=layer.target(),
        )
