"""Requantisation as C: which function of ``tinyml_arithmetic.h`` turns an accumulator into an activation.

The cheapest one that is exact for the accumulators a layer can reach; what it can reach follows from its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import LinearLowering, Requantisation, lower_linear
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_plugins.tinyengine.constants import literal


@dataclass(frozen=True)
class Requantiser:
    """C expressions of one requantisation; no accumulator is greater than ``reach`` in magnitude."""

    requantisation: Requantisation
    reach: int

    @property
    def shifted(self) -> bool:
        """Whether a shift goes with each mantissa."""
        by = self.requantisation.by
        return by.rounding is Rounding.TFLITE or any(by.shift)

    @property
    def channel_type(self) -> str:
        """C type of a row of the table of channels: bias, mantissa and, where needed, shift."""
        return "tinyml_shifted_channel" if self.shifted else "tinyml_channel"

    def channels(self, bias: npt.NDArray[np.int32]) -> list[str]:
        """The table of channels, as initialisers."""
        by = self.requantisation.by
        count = len(bias)
        columns = [bias.tolist(), _spread(by.mantissa, count), *([_spread(by.shift, count)] if self.shifted else [])]
        return ["{" + ", ".join(literal(value) for value in row) + "}" for row in zip(*columns, strict=True)]

    def of(self, accumulator: str, channel: str) -> str:
        """The int8 activation of an accumulator (``uint32_t``) by a row of the table of channels."""
        return self._expression(accumulator, f"{channel}.mantissa", f"{channel}.shift")

    def of_constant(self, accumulator: str) -> str:
        """The int8 activation of an accumulator by the one multiplier there is."""
        (mantissa,), (shift,) = self.requantisation.by.mantissa, self.requantisation.by.shift
        return self._expression(accumulator, literal(mantissa), literal(shift))

    def _expression(self, accumulator: str, mantissa: str, shift: str) -> str:
        to = self.requantisation
        limits = f"{to.low}, {to.high}"
        greatest = self.reach << max(0, *to.by.shift)
        if to.by.rounding is Rounding.SINGLE and (not self.shifted or greatest < 1 << 31):
            value = f"({accumulator} << {shift})" if self.shifted else accumulator
            return f"tinyml_clamp(tinyml_multiply_high((int32_t){value}, {mantissa}, {to.zero_point}), {limits})"
        if to.by.rounding is Rounding.SINGLE:
            rescaled = f"tinyml_rescale_shifted({accumulator}, {mantissa}, {shift})"
            return f"tinyml_activate({rescaled}, {to.zero_point}, {limits})"
        if max(to.by.shift) <= 0 and self.reach < 1 << 30:  # room for doubling and rounding
            rescaled = f"tinyml_rescale_bounded((int32_t){accumulator}, {mantissa}, {shift})"
            return f"tinyml_clamp({rescaled} + {to.zero_point}, {limits})"
        return f"tinyml_activate(tinyml_rescale({accumulator}, {mantissa}, {shift}), {to.zero_point}, {limits})"


def channel_bytes(node: Node, graph: Graph) -> int:
    """Flash of the table of channels of a convolution or dense layer."""
    (output,) = graph.outputs_of(node)
    return output.shape[-1] * (12 if Requantiser(lower_linear(node, graph).requantisation, 0).shifted else 8)


def linear_requantiser(lowering: LinearLowering, filters: npt.NDArray[np.int8]) -> Requantiser:
    """The requantiser of a convolution or dense layer; ``filters`` [channels, taps]."""
    farthest = max(127 - lowering.input_zero_point, lowering.input_zero_point + 128)
    reach = np.abs(lowering.bias.astype(np.int64)) + np.abs(filters.astype(np.int64)).sum(1) * farthest
    return Requantiser(lowering.requantisation, int(reach.max()))


def folded_bias(lowering: LinearLowering, filters: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """Biases that make up for multiplying raw inputs, zero point included: exact modulo 2**32."""
    correction = filters.astype(np.int64).sum(1) * lowering.input_zero_point
    folded: npt.NDArray[np.int32] = (lowering.bias.astype(np.int64) - correction).astype(np.int32)
    return folded


def _spread(values: Sequence[int], count: int) -> Sequence[int]:
    return values if len(values) == count else list(values) * count
