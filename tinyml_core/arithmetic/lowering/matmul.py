"""Lowering of the product of two activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyml_core.arithmetic.lowering.requantisation import Requantisation, place_of, requantisation, require_activations
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import MatMul
from tinyml_core.graph.tensor import DType

DEEPEST = 1 << 17
"""Products of two int16 whose sum may leave the 47 bits of wide accumulators."""


@dataclass(frozen=True)
class MatMulLowering:
    """``sum((left - zero_points[0]) * (right - zero_points[1]))`` modulo 2**32, requantised; wide for int16."""

    zero_points: tuple[int, int]
    requantisation: Requantisation


def lower_matmul(node: Node, graph: Graph) -> MatMulLowering:
    """Lower an int8 or int16 :class:`MatMul`.

    Raises:
        UnsupportedError: operands are of other types or have many scales, or the rescaling or the depth is too large.
    """
    assert isinstance(node.op, MatMul)
    left, right = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    dtype = require_activations(node, [left, right, output])
    product = float(np.float32(left.scale) * np.float32(right.scale))  # TensorFlow Lite multiplies them in float32
    wide = dtype is DType.INT16
    if wide and left.shape[-2 if node.op.transpose_left else -1] >= DEEPEST:
        raise UnsupportedError("adds up products beyond 47-bit accumulators", place=place_of(node))
    return MatMulLowering(
        (left.zero_point, right.zero_point),
        requantisation([product / output.scale], node, output, graph.rounding, node.op.activation, wide=wide),
    )
