"""Requantisation as C: which function of ``tinyml_arithmetic.h`` turns an accumulator into an activation.

The cheapest one that is exact for the accumulators a layer can reach; what it can reach follows from its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import LinearLowering, Requantisation
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.tensor import DType
from tinyml_plugins.tinyengine.constants import literal
from tinyml_plugins.tinyengine.kernel import C_TYPES
from tinyml_plugins.tinyengine.variables import farthest, lower_layer

CHANNEL_BYTES = {"tinyml_channel": 8, "tinyml_shifted_channel": 12, "tinyml_wide_channel": 16}
SUFFIXES = {DType.INT8: "", DType.UINT8: "_uint8", DType.INT16: "_int16"}
"""Of the functions that clamp, by what they return."""


@dataclass(frozen=True)
class Requantiser:
    """C expressions of one requantisation to ``dtype``; no accumulator is greater than ``reach`` in magnitude."""

    requantisation: Requantisation
    reach: int
    dtype: DType = DType.INT8

    @property
    def ctype(self) -> str:
        """C type of the activations."""
        return C_TYPES[self.dtype]

    @property
    def accumulator(self) -> str:
        """C type of the accumulators, which wrap around."""
        return "uint64_t" if self.requantisation.by.wide else "uint32_t"

    @property
    def shifted(self) -> bool:
        """Whether a shift goes with each mantissa."""
        by = self.requantisation.by
        return by.wide or by.rounding is Rounding.TFLITE or any(by.shift)

    @property
    def channel_type(self) -> str:
        """C type of a row of the table of channels: bias, mantissa and, where needed, shift."""
        if self.requantisation.by.wide:
            return "tinyml_wide_channel"
        return "tinyml_shifted_channel" if self.shifted else "tinyml_channel"

    def channels(self, bias: npt.NDArray[np.integer]) -> list[str]:
        """The table of channels, as initialisers."""
        rows = self.columns(bias).tolist()
        return ["{" + ", ".join(literal(value) for value in row) + "}" for row in rows]

    def columns(self, bias: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """The table of channels: bias, mantissa and, where needed, shift by channel."""
        by = self.requantisation.by
        shift = [_spread(by.shift, len(bias))] if self.shifted else []
        return np.array([bias.tolist(), _spread(by.mantissa, len(bias)), *shift], np.int64).T

    def of(self, accumulator: str, channel: str) -> str:
        """The activation of an accumulator (of type ``accumulator``) by a row of the table of channels."""
        return self._expression(accumulator, f"{channel}.mantissa", f"{channel}.shift")

    def of_constant(self, accumulator: str) -> str:
        """The activation of an accumulator by the one multiplier there is."""
        (mantissa,), (shift,) = self.requantisation.by.mantissa, self.requantisation.by.shift
        return self._expression(accumulator, literal(mantissa), literal(shift))

    def _expression(self, accumulator: str, mantissa: str, shift: str) -> str:
        to = self.requantisation
        limits, suffix = f"{to.low}, {to.high}", SUFFIXES[self.dtype]
        if to.by.wide:
            rescaled = f"tinyml_rescale_wide((int64_t){accumulator}, {mantissa}, {shift})"
            return f"tinyml_activate{suffix}({rescaled}, {to.zero_point}, {limits})"
        greatest = self.reach << max(0, *to.by.shift)
        if to.by.rounding is Rounding.SINGLE and (not self.shifted or greatest < 1 << 31):
            value = f"({accumulator} << {shift})" if self.shifted else accumulator
            return (
                f"tinyml_clamp{suffix}(tinyml_multiply_high((int32_t){value}, {mantissa}, {to.zero_point}), {limits})"
            )
        if to.by.rounding is Rounding.SINGLE:
            rescaled = f"tinyml_rescale_shifted({accumulator}, {mantissa}, {shift})"
            return f"tinyml_activate{suffix}({rescaled}, {to.zero_point}, {limits})"
        if max(to.by.shift) <= 0 and self.reach < 1 << 30:  # room for doubling and rounding
            rescaled = f"tinyml_rescale_bounded((int32_t){accumulator}, {mantissa}, {shift})"
            return f"tinyml_clamp{suffix}({rescaled} + {to.zero_point}, {limits})"
        return f"tinyml_activate{suffix}(tinyml_rescale({accumulator}, {mantissa}, {shift}), {to.zero_point}, {limits})"


def channel_bytes(node: Node, graph: Graph) -> int:
    """Flash of the table of channels of a convolution or dense layer."""
    (output,) = graph.outputs_of(node)
    requantiser = Requantiser(lower_layer(node, graph).requantisation, 0)
    return output.shape[-1] * CHANNEL_BYTES[requantiser.channel_type]


def linear_requantiser(
    lowering: LinearLowering, filters: npt.NDArray[np.int8], dtype: DType = DType.INT8
) -> Requantiser:
    """The requantiser of a convolution or dense layer; ``filters`` [channels, taps], activations of ``dtype``."""
    return Requantiser(lowering.requantisation, farthest(lowering, filters, dtype), dtype)


def folded_bias(lowering: LinearLowering, filters: npt.NDArray[np.int8]) -> npt.NDArray[np.integer]:
    """Biases that make up for multiplying raw inputs, zero point included: exact modulo 2**32."""
    correction = filters.astype(np.int64).sum(1) * lowering.input_zero_point
    folded: npt.NDArray[np.integer] = (lowering.bias.astype(np.int64) - correction).astype(lowering.bias.dtype)
    return folded


def _spread(values: Sequence[int], count: int) -> Sequence[int]:
    return values if len(values) == count else list(values) * count
