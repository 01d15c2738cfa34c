"""Pointwise operators of float32, int32, int64 and booleans: one expression, in loops over operands that broadcast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tinyml_core.arithmetic.plain import integer_limits
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Add, Binary, Clamp, Unary
from tinyml_core.graph.operators.window import IDENTITY, Activation
from tinyml_core.graph.tensor import DType, Tensor
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.broadcasting import broadcast_loops, subscript
from tinyml_plugins.tinyengine.constants import literal
from tinyml_plugins.tinyengine.expressions import EXPRESSIONS
from tinyml_plugins.tinyengine.kernel import C_TYPES, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles

PLAIN = (DType.FLOAT32, DType.INT32, DType.INT64, DType.BOOL)
"""Types whose elements stand for themselves."""
COSTLY = frozenset(
    {
        "acos", "acosh", "asin", "asinh", "atan", "atanh", "celu", "cos", "cosh", "elu", "erf", "exp", "gelu",
        "gelu_tanh", "log", "mish", "modulo", "power", "remainder", "selu", "sigmoid", "sin", "sinh", "softplus",
        "swish", "tan", "tanh",
    }
)  # fmt: skip
"""Functions that are no handful of instructions."""


class Pointwise:
    """Any function of up to three operands; over any operand of the output's shape whose elements are no smaller."""

    name: ClassVar[str] = "pointwise"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset((source, target) for source in PLAIN for target in PLAIN)

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule where no operand has a scale."""
        inputs, (output,) = graph.inputs_of(node), graph.outputs_of(node)
        tensors = (*inputs, output)
        if any(tensor.dtype not in PLAIN for tensor in tensors):
            return []
        costly = isinstance(node.op, Unary | Binary) and node.op.function in COSTLY
        return [
            Schedule(
                kernel=self.name,
                cycles=cycles("pointwise_function" if costly else self.name, profile, outputs=output.elements),
                in_place=tuple(index for index, tensor in enumerate(inputs) if _replaceable(tensor, output)),
                alignment=alignment(tensors),
                flash=sum(tensor.bytes for tensor in inputs if tensor.data is not None),
            )
        ]

    def emit(self, *, layer: Layer) -> str:
        """Loops over the output; operands that do not move on with a loop keep their place."""
        op = layer.node.op
        loops = broadcast_loops(layer.output.shape, [tensor.shape for tensor in layer.inputs])
        activation = op.activation if isinstance(op, Add | Binary | Clamp) else IDENTITY
        return render(
            "kernels/pointwise.c.j2",
            operands=[
                (name, C_TYPES[tensor.dtype], layer.source(index), subscript(loops, index))
                for index, (name, tensor) in enumerate(zip("xyz", layer.inputs, strict=False))
            ],
            ctype=C_TYPES[layer.output.dtype],
            target=layer.target(),
            loops=loops,
            expression=EXPRESSIONS[type(op)](layer.node, layer.graph),
            limits=_limits(activation, layer.output.dtype),
        )


def alignment(tensors: Sequence[Tensor]) -> int:
    """Bytes to which buffers of these tensors are aligned."""
    return max(4, *(tensor.dtype.size for tensor in tensors))


def _replaceable(source: Tensor, output: Tensor) -> bool:
    # An output of bytes may replace wider elements: bytes may alias anything, and they are written behind the reading.
    same_size = source.dtype.size == output.dtype.size or output.dtype.size == 1
    return source.data is None and source.elements == output.elements and same_size


def _limits(activation: Activation, dtype: DType) -> tuple[str, str]:
    """C literals of the limits, "" where there is nothing to limit."""
    if dtype is DType.BOOL:
        return "", ""
    if dtype is DType.FLOAT32:
        with np.errstate(over="ignore"):
            limits = [float(np.float32(limit)) for limit in activation]
        return (literal(limits[0]) if limits[0] > -math.inf else "", literal(limits[1]) if limits[1] < math.inf else "")
    low, high = integer_limits(activation, dtype)
    return (literal(low) if low > dtype.limits[0] else "", literal(high) if high < dtype.limits[1] else "")
