"""Lowering of int8 LSTM layers: TensorFlow Lite Micro's integers, in both rounding modes.

Source: TensorFlow Lite Micro ``lstm_eval_common.cc``. Activations and weights are int8, the gates' arguments int16 in
Q3.12, their values and the cell's hyperbolic tangent int16 in Q0.15, the cell state int16 with a power of two as scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.linear import LinearLowering
from tinyml_core.arithmetic.lowering.requantisation import Requantisation, place_of, require_quantised
from tinyml_core.arithmetic.multiplier import multipliers
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operators import LSTM
from tinyml_core.graph.tensor import DType, Tensor

GATE_SCALE, FUNCTION_SCALE = 2.0**-12, 2.0**-15
"""Of the gates' arguments and of what sigmoid and hyperbolic tangent give."""
POWERS = range(-30, 3)
"""Exponents of the cell state's scale for which 32 bits suffice."""


@dataclass(frozen=True, eq=False)
class LSTMLowering:
    """An int8 :class:`~tinyml_core.graph.operators.LSTM`.

    ``inputs`` and ``recurrent`` give int16 in Q3.12 for each row; the latter has no bias. ``kept`` rescales the forget
    gate times the cell state, ``added`` the input gate times the candidate, ``shown`` the output gate times the cell's
    hyperbolic tangent, whose argument is the cell state by ``argument`` = (multiplier, right shift). The cell state is
    limited to -``clip``..``clip`` unless that is None.
    """

    inputs: LinearLowering
    recurrent: LinearLowering
    kept: Requantisation
    added: Requantisation
    shown: Requantisation
    argument: tuple[int, int]
    clip: int | None


def lower_lstm(node: Node, graph: Graph) -> LSTMLowering:
    """Lower an int8 LSTM layer.

    Raises:
        UnsupportedError: an activation is not int8, a parameter not constant, int8 and symmetric, the cell state not
            int16 with a power of two as scale, or a state means something else at the end than at the start.
    """
    op = node.op
    assert isinstance(op, LSTM)
    source, weights, recurrent, bias, *initial = graph.inputs_of(node)
    sequence, hidden, cell = graph.outputs_of(node)
    place = place_of(node)
    require_quantised(node, [source, sequence, hidden])
    require_quantised(node, [cell], [DType.INT16])
    for tensor, other in ((hidden, sequence), *zip(initial, (hidden, cell), strict=False)):
        if (tensor.dtype, tensor.quantization) != (other.dtype, other.quantization):
            raise UnsupportedError(
                f"type, scale and zero point of {tensor.name!r} and {other.name!r} differ", place=place
            )
    power = round(math.log2(cell.scale))
    if cell.scale != 2.0**power or power not in POWERS or cell.zero_point != 0:
        raise UnsupportedError(
            f"has a cell state of scale {cell.scale:g} and zero point {cell.zero_point}; powers of two from "
            f"2**{POWERS[0]} to 2**{POWERS[-1]} and 0 are known",
            place=place,
        )
    if bias.data is None or bias.dtype is not DType.INT32:
        raise UnsupportedError("needs a constant int32 bias", place=place)
    zeros = np.zeros(bias.shape, np.int32)
    shift = 12 + power
    return LSTMLowering(
        _gates(node, source, weights, bias.data.astype(np.int32, copy=False)),
        _gates(node, hidden, recurrent, zeros),
        _rescaling(node, [FUNCTION_SCALE], DType.INT16),
        _rescaling(node, [FUNCTION_SCALE * FUNCTION_SCALE / cell.scale], DType.INT16),
        _rescaling(node, [FUNCTION_SCALE * FUNCTION_SCALE / hidden.scale], DType.INT8, hidden.zero_point),
        (3 << max(shift, 0), max(-shift, 0)),
        int(min(op.cell_clip / cell.scale, 32767.0)) if op.cell_clip else None,
    )


def _gates(node: Node, source: Tensor, weights: Tensor, bias: npt.NDArray[np.int32]) -> LinearLowering:
    if weights.data is None or weights.dtype is not DType.INT8 or weights.quantization is None:
        raise UnsupportedError("needs constant int8 weights with scales", place=place_of(node))
    if any(weights.quantization.zero_point) or weights.quantization.axis not in (None, 0):
        raise UnsupportedError("needs symmetric weights with scales for all or for each row", place=place_of(node))
    products = [float(np.float32(source.scale) * np.float32(scale)) for scale in weights.quantization.scale]
    to = _rescaling(node, [product / GATE_SCALE for product in products], DType.INT16)
    return LinearLowering(source.zero_point, weights.data.astype(np.int8, copy=False), bias, to)


def _rescaling(node: Node, scales: Sequence[float], dtype: DType, zero_point: int = 0) -> Requantisation:
    return Requantisation(multipliers(scales, Rounding.TFLITE, place_of(node)), zero_point, *dtype.limits)
