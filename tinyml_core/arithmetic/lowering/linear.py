"""Lowering of convolutions and dense layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.requantisation import Requantisation, place_of, requantisation, require_quantised
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv2D
from tinyml_core.graph.tensor import DType


@dataclass(frozen=True, eq=False)
class LinearLowering:
    """Convolutions and dense layers: ``sum(weights * (x - input_zero_point)) + bias``, modulo 2**32, requantised.

    ``weights`` keep the graph's layout; ``bias`` [channels] is zeros where the node has none. Padding contributes
    nothing: a padded tap stands for ``x == input_zero_point``.
    """

    input_zero_point: int
    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32]
    requantisation: Requantisation


def lower_linear(node: Node, graph: Graph) -> LinearLowering:
    """Lower a convolution, a transposed one or a dense layer with int8 operands.

    Raises:
        UnsupportedError: operands are not int8, the weights not constant or not symmetric.
    """
    assert isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected | TransposeConv2D)
    image, weights = graph.inputs_of(node)[:2]
    (output,) = graph.outputs_of(node)
    place = place_of(node)
    require_quantised(node, [image, output])
    if weights.data is None or weights.dtype is not DType.INT8 or weights.quantization is None:
        raise UnsupportedError("needs constant int8 weights with a scale", place=place)
    if any(weights.quantization.zero_point):
        raise UnsupportedError("has weights with a zero point; only symmetric ones are known", place=place)
    scales = weights.quantization.scale
    if len(scales) > 1 and weights.quantization.axis != (3 if isinstance(node.op, DepthwiseConv2D) else 0):
        raise UnsupportedError("has weights with scales along another axis than their filters", place=place)
    bias = graph.inputs_of(node)[2].data if len(node.inputs) == 3 else np.zeros(output.shape[-1], np.int32)
    if bias is None or bias.dtype != np.int32:
        raise UnsupportedError("needs a constant int32 bias", place=place)
    return LinearLowering(
        image.zero_point,
        weights.data.astype(np.int8, copy=False),
        bias.astype(np.int32, copy=False),
        requantisation(
            [image.scale * scale / output.scale for scale in scales], node, output, graph.rounding, node.op.activation
        ),
    )
