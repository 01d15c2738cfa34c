"""Lowering of softmax: TensorFlow Lite's fixed-point algorithm with its exponentials in a table.

Source: TensorFlow Lite ``reference/softmax.h`` and ``PreprocessSoftmaxScaling``. The only inputs of the exponential are
the 256 possible differences between a value and the maximum of its row, so nothing is left of it at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.fixed_point import doubling_high_product, exp_on_negative_values
from tinyml_core.arithmetic.lowering.requantisation import place_of, require_activations
from tinyml_core.arithmetic.multiplier import quantise_multiplier
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Softmax
from tinyml_core.graph.tensor import DType, Tensor

Reals = npt.NDArray[np.float64]
INTEGER_BITS = 5
"""Of the scaled differences: exponentials below exp(-32) count as nothing."""
LONGEST_ROW = 4095
"""Elements whose exponentials a sum with 12 integer bits holds."""
LONGEST_INT16_ROW = 65535
"""Elements whose exponentials in Q0.15 a sum of 32 bits holds."""
LARGEST_INT16_SHIFT = 15
"""Left shift with which every difference of two int16 fits 32 bits."""


@dataclass(frozen=True, eq=False)
class SoftmaxLowering:
    """Softmax along the last axis; the rest of the algorithm is constant and told in docs/arithmetic.md.

    ``exponentials`` [256] holds ``exp(-difference)`` in Q0.31 for difference = row maximum - value; it is 0 from the
    first difference that TensorFlow Lite leaves out, which makes leaving out and adding the same.
    """

    exponentials: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Int16SoftmaxLowering:
    """Softmax of int16 along the last axis; the rest of the algorithm is constant and told in docs/arithmetic.md.

    A difference to the row's maximum, rescaled by ``mantissa`` and ``shift`` with two roundings, has steps of 10/65535.
    ``exponentials`` [513] span -10 to 0, ``reciprocals`` [513] those of 1 to 2; all are Q0.15.
    """

    mantissa: int
    shift: int
    exponentials: npt.NDArray[np.int16]
    reciprocals: npt.NDArray[np.int16]


def lower_softmax(node: Node, graph: Graph) -> SoftmaxLowering | Int16SoftmaxLowering:
    """Lower an int8 or int16 :class:`Softmax`.

    Raises:
        UnsupportedError: operands are of other types, the output does not have scale 1/256 and zero point -128 (1/32768
            and 0 for int16), the row is too long, or ``beta`` times the scale is too small to tell values apart, or too
            large for int16.
    """
    assert isinstance(node.op, Softmax)
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    place = place_of(node)
    if require_activations(node, [source, output]) is DType.INT16:
        return _lower_int16(node, source, output)
    if (output.scale, output.zero_point) != (1 / 256, -128):
        raise UnsupportedError("needs an output with scale 1/256 and zero point -128", place=place)
    if source.shape[-1] > LONGEST_ROW:
        raise UnsupportedError(f"has rows of {source.shape[-1]} elements; up to {LONGEST_ROW} are known", place=place)
    factor = min(node.op.beta * source.scale * (1 << (31 - INTEGER_BITS)), 2.0**31 - 1)
    if not factor > 1:
        raise UnsupportedError(
            f"beta {node.op.beta:g} at scale {source.scale:g} is beyond 32-bit arithmetic", place=place
        )
    return SoftmaxLowering(exponential_table(*quantise_multiplier(factor))[0])


def _lower_int16(node: Node, source: Tensor, output: Tensor) -> Int16SoftmaxLowering:
    assert isinstance(node.op, Softmax)
    if output.scale != 1 / 32768:
        raise UnsupportedError("needs an int16 output with scale 1/32768", place=place_of(node))
    if source.shape[-1] > LONGEST_INT16_ROW:
        raise UnsupportedError(
            f"has rows of {source.shape[-1]} elements; up to {LONGEST_INT16_ROW} are known", place=place_of(node)
        )
    mantissa, shift = quantise_multiplier(source.scale * float(np.float32(node.op.beta)) / (10.0 / 65535.0))
    if shift > LARGEST_INT16_SHIFT:
        raise UnsupportedError(
            f"beta {node.op.beta:g} at scale {source.scale:g} is beyond 32-bit arithmetic", place=place_of(node)
        )
    return Int16SoftmaxLowering(
        mantissa,
        shift,
        interpolated(np.exp, np.float32(10) / np.float32(65535), 32767),
        interpolated(lambda x: 1 / (1 + x), np.float32(1) / np.float32(65535), -32768),
    )


def interpolated(function: Callable[[Reals], Reals], scale: np.float32, zero_point: int) -> npt.NDArray[np.int16]:
    """Values [513] in Q0.15 of ``function`` between which int16 inputs are interpolated.

    Each is moved by half of the error that interpolation would have in the middle of its step, in whole numbers. All
    numbers are float32. Source: TensorFlow Lite ``common.h``, ``LUTPopulate``.
    """
    first, last = (scale * np.float32(limit - zero_point) for limit in DType.INT16.limits)
    step = (last - first) / np.float32(512)
    places = first + step * np.arange(513, dtype=np.float32)

    def values(at: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return function(at.astype(np.float64)).astype(np.float32) * np.float32(32768)

    scaled = values(np.append(places[:-1], last))
    following = values(places[1:])
    samples = _rounded(scaled)
    error = _rounded((following + samples[:-1]) / np.float32(2)) - _rounded(values(places[:-1] + step / np.float32(2)))
    samples[:-1] -= _rounded(error / np.float32(2))
    return np.clip(samples, *DType.INT16.limits).astype(np.int16)


def _rounded(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Halves away from zero."""
    result: npt.NDArray[np.float32] = np.copysign(np.floor(np.abs(values) + np.float32(0.5)), values)
    return result


def exponential_table(mantissa: int, shift: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], int]:
    """Exponentials in Q0.31 of the differences 0 to -255, the differences in Q5.26, and how far below 0 both reach.

    A difference in Q5.26 is an integer times ``mantissa / 2**31 * 2**shift``; beyond the reach the tables hold 0.
    """
    reach = min((((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS)) >> shift, 255)
    exponentials, differences = np.zeros(256, np.int32), np.zeros(256, np.int32)
    for difference in range(reach + 1):
        differences[difference] = doubling_high_product(-difference << shift, mantissa)
        exponentials[difference] = exp_on_negative_values(int(differences[difference]))
    return exponentials, differences, reach
