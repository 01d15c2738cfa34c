"""Recurrent layers: forward along the time axis, the batch first, from given states or from zero.

Parameters of several gates lie below one another: gate by gate, the rows of a gate in the order of the units. States
have shape [batch, units], or [1, units] where all samples start alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tinyml_core.graph.operator import Operator, TensorType, require
from tinyml_core.graph.tensor import DType, Tensor

FUNCTIONS = ("relu", "tanh")


@dataclass(frozen=True)
class LSTM(Operator):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gate: Gers et al., 2000).

    Inputs are (x [batch, time, features], weights [4 * units, features], recurrent weights [4 * units, units], bias
    [4 * units]) and, both or neither, the initial hidden and cell states; gates in the order input, forget, cell,
    output. Outputs are the hidden states of all steps [batch, time, units] and the states behind the last one, hidden
    and cell; the cell state of an int8 layer is int16. ``cell_clip`` limits it to its negative and itself; 0 does not.
    """

    kind: ClassVar[str] = "lstm"
    arity: ClassVar[tuple[int, int]] = (4, 6)
    cell_clip: float = 0.0

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[batch, time, units] and two states."""
        require(len(inputs) != 5, "the initial states come together")
        require(0.0 <= self.cell_clip < math.inf, f"cell clip {self.cell_clip:g} is no limit")
        sequence, hidden = _infer(inputs[:3], gates=4, biases=inputs[3:4], states=inputs[4:])
        cell = DType.INT16 if sequence.dtype is DType.INT8 else sequence.dtype
        return sequence, hidden, TensorType(hidden.shape, cell)

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Those of the matrices and of the cell state."""
        return _macs(inputs) + 3 * outputs[0].elements


@dataclass(frozen=True)
class GRU(Operator):
    """Gated recurrent unit (Cho et al., 2014): ``(1 - update) * candidate + update * hidden``.

    Inputs are (x [batch, time, features], weights [3 * units, features], recurrent weights [3 * units, units], bias
    [3 * units], recurrent bias [3 * units]) and optionally the initial hidden state; gates in the order update, reset,
    candidate. Outputs are the hidden states of all steps [batch, time, units] and the one behind the last.
    ``reset_after``: the reset gate applies behind the recurrent product (ONNX: ``linear_before_reset``), not before it.
    """

    kind: ClassVar[str] = "gru"
    arity: ClassVar[tuple[int, int]] = (5, 6)
    reset_after: bool = True

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[batch, time, units] and one state."""
        return _infer(inputs[:3], gates=3, biases=inputs[3:5], states=inputs[5:])

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Those of the matrices and of the three products of gates."""
        return _macs(inputs) + 3 * outputs[0].elements


@dataclass(frozen=True)
class RNN(Operator):
    """Elman's network (1990): ``function(weights @ x + bias + recurrent weights @ hidden)``.

    Inputs are (x [batch, time, features], weights [units, features], recurrent weights [units, units], bias [units])
    and optionally the initial hidden state. Outputs are the hidden states of all steps [batch, time, units] and the one
    behind the last.
    """

    kind: ClassVar[str] = "rnn"
    arity: ClassVar[tuple[int, int]] = (4, 5)
    function: str = "tanh"

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """[batch, time, units] and one state."""
        require(self.function in FUNCTIONS, f"function {self.function!r} is unknown")
        return _infer(inputs[:3], gates=1, biases=inputs[3:4], states=inputs[4:])

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Those of the matrices."""
        return _macs(inputs)


def _infer(
    operands: Sequence[Tensor], *, gates: int, biases: Sequence[Tensor], states: Sequence[Tensor]
) -> tuple[TensorType, TensorType]:
    """The types of the sequence and of the hidden state; raises Broken."""
    sequence, weights, recurrent = operands
    require(len(sequence.shape) == 3, f"input has shape {sequence.shape}, [batch, time, features] is needed")
    require(len(recurrent.shape) == 2, f"recurrent weights have shape {recurrent.shape}, two axes are needed")
    if sequence.dtype is DType.FLOAT32:
        found = {tensor.dtype for tensor in (*operands, *biases, *states)}
        require(found == {DType.FLOAT32}, "a float32 layer has parameters and states of another type")
    (batch, time, features), units = sequence.shape, recurrent.shape[1]
    for what, tensor, wanted in (
        ("weights", weights, (gates * units, features)),
        ("recurrent weights", recurrent, (gates * units, units)),
        *(("bias", bias, (gates * units,)) for bias in biases),
    ):
        require(tensor.shape == wanted, f"{what} of shape {tensor.shape}, {wanted} is needed")
    for state in states:
        require(
            state.shape in ((batch, units), (1, units)), f"a state has shape {state.shape}, {(batch, units)} is needed"
        )
    return TensorType((batch, time, units), sequence.dtype), TensorType((batch, units), sequence.dtype)


def _macs(inputs: Sequence[Tensor]) -> int:
    """Multiply-accumulates of the two matrices over all steps."""
    return inputs[0].shape[0] * inputs[0].shape[1] * (inputs[1].elements + inputs[2].elements)
