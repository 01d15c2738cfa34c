"""Converter of recurrent layers.

Such a layer keeps its states in variables, so that TensorFlow Lite starts an inference where the one before it ended
unless told to reset them. Graphs have no memory: every inference starts from zero, as behind a reset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import LSTM, Reshape, Transpose
from tinyml_core.graph.tensor import DType, Quantization, Tensor
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.options import UnidirectionalSequenceLSTMOptions

WEIGHTS, RECURRENT, BIASES = range(1, 5), range(5, 9), range(12, 16)
"""Inputs that hold the gates' parameters, in the order input, forget, cell, output."""
HIDDEN, CELL = 18, 19
VARIANTS = {
    9: "peephole connections", 10: "peephole connections", 11: "peephole connections", 16: "a projection",
    17: "a projection", 20: "layer normalisation", 21: "layer normalisation", 22: "layer normalisation",
    23: "layer normalisation",
}  # fmt: skip
TANH = 4
"""Number of the fused activation."""


def unidirectional_sequence_lstm(call: Call, options: UnidirectionalSequenceLSTMOptions) -> None:
    """UNIDIRECTIONAL_SEQUENCE_LSTM in its basic form, float32 or int8 with an int16 cell state."""
    for position, what in VARIANTS.items():
        if call.has(position):
            raise call.refuse(f"has {what}, which is not known")
    if not call.has(WEIGHTS[0]) or not call.has(RECURRENT[0]):
        raise call.refuse("couples its input gate to the forget gate, which is not known")
    if options.fused_activation != TANH:
        raise call.refuse(f"has the activation number {options.fused_activation}; TANH ({TANH}) is known")
    if options.diagonal_recurrent_tensors:
        raise call.refuse("has diagonal recurrent weights, which are not known")
    if not 0.0 <= options.cell_clip < math.inf:
        raise call.damaged(f"has cell clip {options.cell_clip:g}")
    source, output = call.input(), call.output
    if len(source.shape) != 3 or source.shape[:2] != output.shape[:2]:
        raise call.damaged(f"turns {list(source.shape)} into {list(output.shape)}")
    weights, recurrent, bias = (
        _stacked(call, positions, part)
        for positions, part in ((WEIGHTS, "weights"), (RECURRENT, "recurrent"), (BIASES, "bias"))
    )
    if len(recurrent.shape) != 2 or recurrent.shape[0] != 4 * recurrent.shape[1]:
        raise call.damaged(f"has recurrent weights of shape {list(recurrent.shape)} for four gates")
    batch = source.shape[1 if options.time_major else 0]
    states = (batch, recurrent.shape[1])
    cell_type = DType.FLOAT32 if output.dtype is DType.FLOAT32 else DType.INT16
    hidden = call.assembly.new(f"{output.name}_hidden", states, _state(call, HIDDEN, states, output.dtype))
    cell = call.assembly.new(f"{output.name}_cell", states, _state(call, CELL, states, cell_type))
    if hidden.quantization != output.quantization:
        raise call.refuse("has a hidden state of another scale or zero point than its output")
    computed = output
    if options.time_major:
        shape = (output.shape[1], output.shape[0], output.shape[2])
        source = _moved(call, source, call.assembly.new(f"{source.name}_batch_major", _swapped(source), source))
        computed = call.assembly.new(f"{output.name}_batch_major", shape, output)
    call.emit(LSTM(options.cell_clip), source, weights, recurrent, bias, outputs=[computed, hidden, cell])
    if options.time_major:
        _moved(call, computed, output)


def _stacked(call: Call, positions: Sequence[int], part: str) -> Tensor:
    """One constant of the parameters of four gates, with a scale for each row where they are quantised."""
    gates = [call.any_input(position) for position in positions]
    first = gates[0]
    for gate in gates:
        if gate.data is None:
            raise call.refuse(f"computes its {part}, which must be constant")
        if (gate.dtype, gate.shape) != (first.dtype, first.shape) or not gate.shape:
            raise call.damaged(f"has {part} of different shapes or types")
        if gate.quantization is not None and gate.quantization.axis is not None:
            raise call.refuse(f"has {part} with a scale for each channel, where one for a gate is known")
    quantization = None
    rows = first.shape[0]
    if first.dtype is DType.INT8:
        scales: list[float] = []
        points: list[int] = []
        for gate in gates:
            if gate.quantization is None:
                raise call.damaged(f"has {part} without a scale")
            scales += gate.quantization.scale * rows
            points += gate.quantization.zero_point * rows
        quantization = Quantization(tuple(scales), tuple(points), 0)
    wanted = _parameter_type(call.input().dtype, part)
    if first.dtype is not wanted:
        raise call.refuse(f"has {part} of type {first.dtype.value}, where {wanted.value} is known")
    data = np.concatenate([gate.data for gate in gates if gate.data is not None])
    return call.assembly.constant(f"{call.output.name}_{part}", data, quantization)


def _parameter_type(activations: DType, part: str) -> DType:
    if activations is DType.FLOAT32:
        return activations
    return DType.INT32 if part == "bias" else DType.INT8


def _state(call: Call, position: int, shape: tuple[int, int], dtype: DType) -> Tensor:
    """A state as the file declares it; raises unless it is a variable of ``dtype`` with as many elements."""
    if not call.has(position):
        raise call.damaged(f"lacks its state {position}")
    state = call.assembly.variable(call.record.inputs[position])
    if state.dtype is not dtype:
        raise call.refuse(f"has a state of type {state.dtype.value}, where {dtype.value} is known")
    if state.elements != math.prod(shape):
        raise call.damaged(f"has a state of shape {list(state.shape)}, where {list(shape)} is needed")
    return state


def _swapped(tensor: Tensor) -> tuple[int, ...]:
    return (tensor.shape[1], tensor.shape[0], *tensor.shape[2:])


def _moved(call: Call, source: Tensor, target: Tensor) -> Tensor:
    """``source`` with its first two axes swapped, written to ``target``."""
    op: Operator = Reshape(target.shape) if 1 in source.shape[:2] else Transpose((1, 0, 2))
    call.emit(op, source, outputs=[target], part=f"_{target.name}")
    return target
