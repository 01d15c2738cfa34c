"""Over rows and axes of int8 tensors: positions of extrema, and normalisations with sums known at run time only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering.normalisation import lower_l2_norm, lower_log_softmax
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import ArgReduce
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.kernel import C_TYPES, INT8, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles

INT8_VALUES = 256


class QuantisedArgReduce:
    """Position of the greatest or least int8 along an axis."""

    name: ClassVar[str] = "arg_reduce"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.INT8, DType.INT32), (DType.INT8, DType.INT64)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
        estimate = cycles(self.name, profile, macs=source.elements, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, alignment=max(4, output.dtype.size))]

    def emit(self, *, layer: Layer) -> str:
        """Loops over outputs, then along the axis; a later equal one replaces the best where the last is wanted."""
        op, shape = layer.node.op, layer.inputs[0].shape
        assert isinstance(op, ArgReduce)
        return render(
            "kernels/arg_reduce.c.j2",
            outer=math.prod(shape[: op.axis]),
            size=shape[op.axis],
            inner=math.prod(shape[op.axis + 1 :]),
            relation=("<" if op.least else ">") + ("=" if op.last else ""),
            ctype=C_TYPES[layer.output.dtype],
            source=layer.source(),
            target=layer.target(),
        )


class QuantisedL2Norm:
    """Rows of length one."""

    name: ClassVar[str] = "l2_norm"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule, in place."""
        (output,) = graph.outputs_of(node)
        return [Schedule(kernel=self.name, cycles=cycles(self.name, profile, outputs=output.elements), in_place=(0,))]

    def emit(self, *, layer: Layer) -> str:
        """For each row the sum of squares, its reciprocal root, and the quotients."""
        length = layer.output.shape[-1]
        return render(
            "kernels/l2_norm.c.j2",
            rows=layer.output.elements // length,
            length=length,
            zero_point=lower_l2_norm(layer.node, layer.graph).input_zero_point,
            source=layer.source(),
            target=layer.target(),
        )


class QuantisedLogSoftmax:
    """Logarithm of the softmax along the last axis."""

    name: ClassVar[str] = "log_softmax"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = INT8

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule, in place."""
        (output,) = graph.outputs_of(node)
        estimate = cycles(self.name, profile, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, in_place=(0,), flash=8 * INT8_VALUES)]

    def emit(self, *, layer: Layer) -> str:
        """For each row the maximum, the logarithm of the sum of exponentials, and the differences from it."""
        lowering = lower_log_softmax(layer.node, layer.graph)
        length = layer.output.shape[-1]
        return render(
            "kernels/log_softmax.c.j2",
            rows=layer.output.elements // length,
            length=length,
            exponentials=layer.constant("exponentials", "int32_t", literals(lowering.exponentials)),
            differences=layer.constant("differences", "int32_t", literals(lowering.differences)),
            reverse=lowering.reverse,
            limit=lowering.limit,
            source=layer.source(),
            target=layer.target(),
        )
