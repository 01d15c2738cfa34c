"""Lowering of the product of two activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_core.arithmetic.lowering.requantisation import Requantisation, requantisation, require_quantised
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import MatMul


@dataclass(frozen=True)
class MatMulLowering:
    """``sum((left - zero_points[0]) * (right - zero_points[1]))`` modulo 2**32, requantised."""

    zero_points: tuple[int, int]
    requantisation: Requantisation


def lower_matmul(node: Node, graph: Graph) -> MatMulLowering:
    """Lower an int8 :class:`MatMul`.

    Raises:
        UnsupportedError: operands are not int8 with one scale each, or the rescaling is too large.
    """
    assert isinstance(node.op, MatMul)
    left, right = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    require_quantised(node, [left, right, output])
    product = float(np.float32(left.scale) * np.float32(right.scale))  # TensorFlow Lite multiplies them in float32
    return MatMulLowering(
        (left.zero_point, right.zero_point),
        requantisation([product / output.scale], node, output, graph.rounding, node.op.activation),
    )
