"""Lowering of convolutions and dense layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.requantisation import Requantisation, place_of, requantisation, require_activations
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv2D
from tinyml_core.graph.tensor import DType, Tensor

WIDEST = 1 << 47
"""Magnitude that accumulators of 64 bits stay below, so that a product with 15 bits fits."""
FARTHEST_BIAS = 1 << 29
"""Magnitude to which int32 biases that are variables are limited, so that accumulators have room for doubling."""


@dataclass(frozen=True, eq=False)
class LinearLowering:
    """Convolutions and dense layers: ``sum(weights * (x - input_zero_point)) + bias``, modulo 2**32, requantised.

    Wide accumulators, whose ``bias`` is int64, stay below 2**47 instead.

    ``weights`` keep the graph's layout; ``bias`` [channels] is zeros where the node has none. Padding contributes
    nothing: a padded tap stands for ``x == input_zero_point``.
    """

    input_zero_point: int
    weights: npt.NDArray[np.int8]
    bias: npt.NDArray[np.int32] | npt.NDArray[np.int64]
    requantisation: Requantisation


def lower_linear(node: Node, graph: Graph) -> LinearLowering:
    """Lower a convolution, a transposed one or a dense layer with int8 weights and int8 or int16 activations.

    Raises:
        UnsupportedError: operands are of other types, the weights not constant or not symmetric, or int16 activations
            can lead to accumulators of 2**47 or more.
    """
    assert isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected | TransposeConv2D)
    image, weights = graph.inputs_of(node)[:2]
    (output,) = graph.outputs_of(node)
    place = place_of(node)
    dtype = require_activations(node, [image, output])
    if weights.data is None or weights.dtype is not DType.INT8 or weights.quantization is None:
        raise UnsupportedError("needs constant int8 weights with a scale", place=place)
    if any(weights.quantization.zero_point):
        raise UnsupportedError("has weights with a zero point; only symmetric ones are known", place=place)
    scales = weights.quantization.scale
    if len(scales) > 1 and weights.quantization.axis != _filters(node):
        raise UnsupportedError("has weights with scales along another axis than their filters", place=place)
    given = graph.inputs_of(node)[2] if len(node.inputs) == 3 else None
    wide = dtype is DType.INT16 and not _accumulates_in_32_bits(node, given)
    wanted = DType.INT64 if wide else DType.INT32
    bias = np.zeros(output.shape[-1], wanted.numpy) if given is None else given.data
    if bias is None or bias.dtype != wanted.numpy:
        raise UnsupportedError(
            f"needs a constant {wanted.value} bias", place=place, remedy="convert the network with such biases"
        )
    lowering = LinearLowering(
        image.zero_point,
        weights.data.astype(np.int8, copy=False),
        bias.astype(wanted.numpy, copy=False),
        requantisation(
            [image.scale * scale / output.scale for scale in scales],
            node,
            output,
            graph.rounding,
            node.op.activation,
            wide=wide,
        ),
    )
    if wide and reach(lowering, np.moveaxis(lowering.weights, _filters(node), 0), dtype) >= WIDEST:
        raise UnsupportedError("has biases that lead beyond 47-bit accumulators", place=place)
    return lowering


def _accumulates_in_32_bits(node: Node, bias: Tensor | None) -> bool:
    """Whether it is as in TensorFlow Lite Micro, where int16 convolutions, and no others, may have int32 biases."""
    return isinstance(node.op, Conv2D) and bias is not None and bias.dtype is DType.INT32


def _filters(node: Node) -> int:
    """The axis of the weights that counts the filters."""
    return 3 if isinstance(node.op, DepthwiseConv2D) else 0


def reach(lowering: LinearLowering, filters: npt.NDArray[np.int8], dtype: DType) -> int:
    """The greatest magnitude that an accumulator can have; ``filters`` [channels, ...], activations of ``dtype``."""
    low, high = dtype.limits
    farthest = max(high - lowering.input_zero_point, lowering.input_zero_point - low)
    magnitudes = np.abs(filters.astype(np.int64)).reshape(len(filters), -1).sum(1) * farthest
    biases = [abs(int(value)) for value in lowering.bias]  # Python's integers: the least int64 has no magnitude
    return max(bias + int(magnitude) for bias, magnitude in zip(biases, magnitudes, strict=True))
