"""What most lowerings share: the requantisation behind an accumulator, activation limits and checks of operands."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from tinyml_core.arithmetic.multiplier import Multipliers, multipliers, wide_multipliers
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Node, Rounding
from tinyml_core.graph.operators.window import IDENTITY, Activation
from tinyml_core.graph.tensor import DType, Tensor


@dataclass(frozen=True)
class Requantisation:
    """Accumulator -> activation: rescale by ``by``, add ``zero_point``, clamp to ``low``..``high`` (inclusive)."""

    by: Multipliers
    zero_point: int
    low: int
    high: int


def place_of(node: Node) -> str:
    """How errors name a node."""
    return f"node {node.name!r} ({node.op.kind})"


def require_quantised(node: Node, tensors: Sequence[Tensor], dtypes: Collection[DType] = (DType.INT8,)) -> None:
    """Check that ``tensors`` are of one of ``dtypes`` with one scale each.

    Raises:
        UnsupportedError: names the node and the types it has.
    """
    if any(tensor.dtype not in dtypes for tensor in tensors):
        found = ", ".join(tensor.dtype.value for tensor in tensors)
        known = " or ".join(sorted(dtype.value for dtype in dtypes))
        raise UnsupportedError(f"has activations of type {found}; {known} is known", place=place_of(node))
    for tensor in tensors:
        if tensor.quantization is None or len(tensor.quantization.scale) != 1:
            raise UnsupportedError(f"needs one scale for the whole of {tensor.name!r}", place=place_of(node))


def require_activations(node: Node, tensors: Sequence[Tensor]) -> DType:
    """Check that ``tensors`` are all int8, or all int16 with zero point 0, with one scale each; return their type.

    Raises:
        UnsupportedError: names the node and the types it has, or the tensor.
    """
    require_quantised(node, tensors, (DType.INT8, DType.INT16))
    dtype = tensors[0].dtype
    require_quantised(node, tensors, (dtype,))
    for tensor in tensors:
        if dtype is DType.INT16 and tensor.zero_point:
            raise UnsupportedError(
                f"has int16 activations {tensor.name!r} with zero point {tensor.zero_point}; 0 is known",
                place=place_of(node),
                remedy="quantise int16 symmetrically",
            )
    return dtype


def require_same_scale(node: Node, source: Tensor, output: Tensor) -> None:
    """Check that a node which moves integers unchanged does not change what they mean.

    Raises:
        UnsupportedError: scale or zero point differ.
    """
    if (source.dtype, source.scale, source.zero_point) != (output.dtype, output.scale, output.zero_point):
        raise UnsupportedError(
            f"scale and zero point of {source.name!r} and {output.name!r} differ",
            place=place_of(node),
            remedy="put a quantize node behind it",
        )


def quantised(real: float, output: Tensor) -> int:
    """``real`` in the integers of ``output``: divided in float32, halves away from zero, not clamped to its type."""
    with np.errstate(over="ignore"):
        value = float(np.float32(real) / np.float32(output.scale))
    value = min(max(value, -(2.0**31)), 2.0**31)
    return output.zero_point + math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def activation_limits(activation: Activation, output: Tensor) -> tuple[int, int]:
    """Clamp of an activation in the integers of ``output``, as TensorFlow Lite rounds it."""
    low, high = output.dtype.limits
    if math.isfinite(activation[0]):
        low = max(low, min(quantised(activation[0], output), high))
    if math.isfinite(activation[1]):
        high = min(high, max(quantised(activation[1], output), low))
    return low, high


def requantisation(
    scales: Sequence[float],
    node: Node,
    output: Tensor,
    rounding: Rounding,
    activation: Activation = IDENTITY,
    *,
    wide: bool = False,
) -> Requantisation:
    """The requantisation of accumulators whose real value is ``scale * accumulator`` times the output's scale.

    ``wide`` accumulators have 64 bits.

    Raises:
        UnsupportedError: a scale is too large.
    """
    low, high = activation_limits(activation, output)
    by = (wide_multipliers if wide else multipliers)(scales, rounding, place_of(node))
    return Requantisation(by, output.zero_point, low, high)
