"""Tables of the unary functions for which TensorFlow Lite Micro has an int8 kernel, computed as that kernel does.

Sources: TensorFlow Lite ``reference/integer_ops/logistic.h`` and ``tanh.h``, ``reference/hard_swish.h``,
``reference/leaky_relu.h``; TensorFlow Lite Micro ``elu.cc`` and ``elementwise.cc``. A table [256] goes from -128 to 127
and may hold values beyond int8; None says that the kernel is not made for the output's scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.fixed_point import doubling_high_product, rounding_right_shift
from tinyml_core.arithmetic.fixed_point_functions import inverse_square_root, logistic, tanh
from tinyml_core.arithmetic.lowering.requantisation import place_of
from tinyml_core.arithmetic.multiplier import quantise_multiplier
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Node
from tinyml_core.graph.operators import Unary
from tinyml_core.graph.tensor import Tensor

Table = npt.NDArray[np.int64]
Maker = Callable[[Node, Tensor, Tensor], Table | None]


def rescale(value: int, mantissa: int, shift: int) -> int:
    """``value * mantissa / 2**31 * 2**shift``, rounded twice."""
    return rounding_right_shift(doubling_high_product(value << max(shift, 0), mantissa), max(-shift, 0))


def _sigmoid(node: Node, source: Tensor, output: Tensor) -> Table | None:
    if (output.scale, output.zero_point) != (1 / 256, -128):
        return None
    return _saturating(source, lambda value: rounding_right_shift(logistic(value), 23) - 128)


def _tanh(node: Node, source: Tensor, output: Tensor) -> Table | None:
    if (output.scale, output.zero_point) != (1 / 128, 0):
        return None
    return _saturating(source, lambda value: rounding_right_shift(tanh(value), 24))


def _saturating(source: Tensor, function: Callable[[int], int]) -> Table:
    """``function`` of values in Q4.27; those that may not fit give the limits."""
    fraction, shift = math.frexp(source.scale * 2.0**27)
    mantissa = math.floor(fraction * 2.0**31 + 0.5)
    radius = math.floor(15 * 2.0**27 / 2.0**shift)

    def entry(value: int) -> int:
        if abs(value) >= radius:
            return -128 if value <= -radius else 127
        return function(rescale(value, mantissa, shift))

    return _table(source, entry)


def _table(source: Tensor, entry: Callable[[int], int]) -> Table:
    return np.array([entry(value - source.zero_point) for value in range(-128, 128)], np.int64)


def _hard_swish(node: Node, source: Tensor, output: Tensor) -> Table:
    ratios = [source.scale / 128 / step for step in (output.scale, 3 / 32768)]
    (factor, exponent), (gate_factor, gate_exponent) = (_short(min(ratio, 2.0**32)) for ratio in ratios)
    if not (-15 <= exponent <= 0 and -15 <= gate_exponent <= 31):
        raise UnsupportedError(
            f"a hard swish from scale {source.scale:g} to {output.scale:g} is beyond 16-bit arithmetic",
            place=place_of(node),
        )

    def entry(value: int) -> int:
        result = _short_product(value << 7, factor)
        gate = value << 7
        if gate_exponent > 0:
            gate = _within_16_bits(gate << (gate_exponent - 1))
        gate = _short_product(gate, gate_factor)
        if gate_exponent > 0:
            gate = _within_16_bits(gate << 1)
        gate = (rounding_right_shift(gate, max(-gate_exponent, 0)) + (1 << 15)) >> 1
        product = gate * result
        truncated = product >> 15 if product >= 0 else -(-product >> 15)
        return rounding_right_shift(truncated, -exponent) + output.zero_point

    return _table(source, entry)


def _short(real: float) -> tuple[int, int]:
    """A multiplier with a 16-bit mantissa."""
    mantissa, shift = quantise_multiplier(real)
    return min((mantissa + (1 << 15)) >> 16, (1 << 15) - 1), shift


def _short_product(left: int, right: int) -> int:
    """``left * right / 2**15`` rounded to nearest, halves up, of 16-bit values."""
    return _within_16_bits((left * right + (1 << 14)) >> 15)


def _within_16_bits(value: int) -> int:
    return min(max(value, -(1 << 15)), (1 << 15) - 1)


def _leaky_relu(node: Node, source: Tensor, output: Tensor) -> Table:
    assert isinstance(node.op, Unary)
    slope = source.scale * float(np.float32(node.op.alpha)) / output.scale
    positive = _representable(node, source.scale / output.scale)
    negative = _representable(node, abs(slope))
    sign = -1 if slope < 0 else 1  # applied last: the released package rounds ties as of a positive multiplier

    def entry(value: int) -> int:
        if value >= 0:
            return rescale(value, *positive) + output.zero_point
        return sign * rescale(value, *negative) + output.zero_point

    return _table(source, entry)


def _abs(node: Node, source: Tensor, output: Tensor) -> Table:
    mantissa, shift = _representable(node, source.scale / output.scale)
    return _table(source, lambda value: rescale(abs(value), mantissa, shift) + output.zero_point)


def _representable(node: Node, real: float) -> tuple[int, int]:
    if not real < 2.0**22:
        raise UnsupportedError(f"a rescaling by {real:g} is beyond 32-bit arithmetic", place=place_of(node))
    return quantise_multiplier(real)


def _rsqrt(node: Node, source: Tensor, output: Tensor) -> Table:
    mantissa, shift = quantise_multiplier(1.0 / (math.sqrt(source.scale) * output.scale))
    if not -11 <= shift <= 30:
        raise UnsupportedError(f"a rescaling by 2^{shift} is beyond 32-bit arithmetic", place=place_of(node))

    def entry(value: int) -> int:
        if value <= 0:  # TensorFlow Lite Micro refuses to go on below 0
            return 127 if value == 0 else -128
        root, by = inverse_square_root(value)
        return rescale(rescale(1, root, by + 20), mantissa, shift - 20) + output.zero_point

    return _table(source, entry)


def _elu(node: Node, source: Tensor, output: Tensor) -> Table | None:
    assert isinstance(node.op, Unary)
    if node.op.alpha != 1.0:
        return None
    with np.errstate(all="ignore"):  # a value or a quotient beyond float32 saturates below
        values = (np.arange(-128, 128) - source.zero_point).astype(np.float32) * np.float32(source.scale)
        decayed = np.exp(np.minimum(values, 0).astype(np.float64)).astype(np.float32) - np.float32(1)
        inverse = np.float32(1) / np.float32(output.scale)
        quotient = (np.where(values < 0, decayed, values) * inverse).astype(np.float64)
    if not np.isfinite(inverse):
        raise UnsupportedError(f"a division by {output.scale:g} is beyond float32", place=place_of(node))
    rounded = np.copysign(np.floor(np.abs(quotient) + 0.5), quotient)
    return np.clip(rounded, -1024, 1024).astype(np.int64) + output.zero_point


TABLES: dict[str, Maker] = {
    "abs": _abs,
    "elu": _elu,
    "hard_swish": _hard_swish,
    "leaky_relu": _leaky_relu,
    "rsqrt": _rsqrt,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
}
