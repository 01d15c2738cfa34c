"""Plain integers: those that stand for themselves, without a scale."""

from __future__ import annotations

import math

from tinyml_core.arithmetic.lowering import place_of
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators.window import Activation
from tinyml_core.graph.tensor import DType

INTEGERS = (DType.INT32, DType.INT64)
"""Types of plain integers; the narrow ones always have a scale."""


def integer_limits(activation: Activation, dtype: DType) -> tuple[int, int]:
    """Least and greatest integer of ``dtype`` within ``activation``."""
    least, greatest = dtype.limits
    low, high = activation
    return (
        max(least, min(math.ceil(low), greatest)) if math.isfinite(low) else least,
        min(greatest, max(math.floor(high), least)) if math.isfinite(high) else greatest,
    )


def require_unscaled(node: Node, graph: Graph) -> None:
    """Check that integers stand for themselves.

    Raises:
        UnsupportedError: a tensor of the node has a scale.
    """
    for tensor in (*graph.inputs_of(node), *graph.outputs_of(node)):
        if tensor.quantization is not None:
            raise UnsupportedError(
                f"is not defined for {tensor.dtype.value} with a scale, as {tensor.name!r} is", place=place_of(node)
            )


__all__ = ["INTEGERS", "integer_limits", "require_unscaled"]
