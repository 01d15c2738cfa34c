"""Recurrent layers: LSTM, GRU and RNN, forward, in reverse, or both side by side.

A layer in reverse reads its input from the last step to the first; what it writes is turned around again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import GRU, LSTM, RNN, Concat, Slice
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.onnx.converters.composition import shape_of
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.network import Array
from tinyml_plugins.importers.onnx.values import Constant, Variable

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
"""For each pass over the sequence, whether it goes from the last step to the first."""
BIAS, LENGTHS, STATES = 3, 4, (5, 6)
"""Inputs that may be left out."""


@dataclass(frozen=True)
class _Kind:
    """``gates``: for each gate of the graph's operator, where the file has it; ``states``: how many there are.

    ``biases``: one for each matrix, where the operator does not add them up.
    """

    gates: tuple[int, ...]
    states: int
    biases: int
    functions: tuple[str, ...]


LSTM_KIND = _Kind((0, 2, 3, 1), 2, 1, ("Sigmoid", "Tanh", "Tanh"))
GRU_KIND = _Kind((0, 1, 2), 1, 2, ("Sigmoid", "Tanh"))
RNN_KIND = _Kind((0,), 1, 1, ("Tanh",))


def lstm(call: Call, emitter: Emitter) -> tuple[Variable, ...]:
    """LSTM without peephole connections."""
    if len(call.inputs) > 7 and call.inputs[7] is not None:
        raise call.unsupported("has peephole connections")
    if call.node.integer("input_forget", 0):
        raise call.unsupported("couples its input gate to the forget gate")
    _require_functions(call, LSTM_KIND)
    return _recurrent(call, emitter, LSTM_KIND, lambda index: LSTM())


def gru(call: Call, emitter: Emitter) -> tuple[Variable, ...]:
    """GRU, its reset gate before the recurrent product or behind it."""
    _require_functions(call, GRU_KIND)
    after = bool(call.node.integer("linear_before_reset", 0))
    return _recurrent(call, emitter, GRU_KIND, lambda index: GRU(reset_after=after))


def rnn(call: Call, emitter: Emitter) -> tuple[Variable, ...]:
    """RNN with the hyperbolic tangent or the rectifier."""
    given = call.node.texts("activations")
    if any(name not in ("Tanh", "Relu") for name in given):
        raise call.unsupported(f"has the activations {list(given)[:6]}; Tanh and Relu are known")
    return _recurrent(
        call, emitter, RNN_KIND, lambda index: RNN(given[index].lower() if index < len(given) else "tanh")
    )


def _require_functions(call: Call, kind: _Kind) -> None:
    given = call.node.texts("activations")
    if given not in ((), kind.functions, 2 * kind.functions):
        raise call.unsupported(f"has the activations {list(given)[:6]}; {list(kind.functions)} are known")


def _recurrent(
    call: Call, emitter: Emitter, kind: _Kind, make: Callable[[int], Operator]
) -> tuple[Variable, ...]:  # fmt: skip
    """Y, Y_h and, where there is one, Y_c; ``make`` returns the operator of one pass."""
    direction = call.node.text("direction", "forward")
    if direction not in DIRECTIONS:
        raise InputError(f"has direction {direction[:80]!r}", place=call.node.place)
    if "clip" in call.node.attributes:
        raise call.unsupported("limits the arguments of its activations (clip)")
    passes, batch_first = DIRECTIONS[direction], bool(call.node.integer("layout", 0))
    x = call.variable(0)
    if len(x.axes) != 3 or emitter.tensor(x).dtype is not DType.FLOAT32:
        raise call.unsupported("works on a tensor that is not [time, batch, features] of float32")
    source = emitter.laid_out(x, (0, 1, 2) if batch_first else (1, 0, 2))
    batch, time, _ = emitter.builder.tensor(source).shape
    _require_full_length(call, time)
    parameters = _parameters(call, kind, len(passes), emitter.shape(x)[2])
    units = parameters[0][1].shape[1]
    states = _initial(call, emitter, kind, (len(passes), batch, units), batch_first)
    pieces: list[list[str]] = [[] for _ in range(1 + kind.states)]
    for index, backwards in enumerate(passes):
        stem = call.name if len(passes) == 1 else f"{call.name}/{index}"
        operands = [_turned(emitter, source) if backwards else source]
        operands += [emitter.constant(f"{stem}/parameters{n}", data) for n, data in enumerate(parameters[index])]
        operands += [state[index] for state in states]
        sequence, *last = emitter.builder.node_outputs(make(index), operands, name=emitter.unique(stem))
        sequence = _turned(emitter, sequence) if backwards else sequence
        pieces[0].append(emitter.reshaped(sequence, (batch, time, 1, units)))
        for piece, handle in zip(pieces[1:], last, strict=True):
            piece.append(emitter.reshaped(handle, (batch, 1, units)))
    axes = ((0, 1, 2, 3), (0, 1, 2)) if batch_first else ((2, 0, 1, 3), (1, 0, 2))
    found = [_joined(emitter, f"{call.name}/all", pieces[0], 2, axes[0])]
    found += [_joined(emitter, f"{call.name}/last{n}", piece, 1, axes[1]) for n, piece in enumerate(pieces[1:])]
    return tuple(found)


def _require_full_length(call: Call, time: int) -> None:
    """Refuse sequences shorter than the tensor that holds them."""
    lengths = call.inputs[LENGTHS] if len(call.inputs) > LENGTHS else None
    if isinstance(lengths, Variable) or (lengths is not None and (lengths.data != time).any()):
        raise call.unsupported("takes sequences of different lengths (sequence_lens)")


def _parameters(call: Call, kind: _Kind, passes: int, features: int) -> list[list[Array]]:
    """For each pass weights, recurrent weights and biases, gates in the graph's order."""
    weights, recurrent, bias = call.constant(1).real, call.constant(2).real, call.optional(BIAS)
    rows, units = len(kind.gates) * recurrent.shape[-1] if recurrent.ndim else 0, recurrent.shape[-1:]
    biases = np.zeros((passes, 2 * rows), np.float32) if bias is None else bias.real
    shapes = (weights.shape, recurrent.shape, biases.shape, call.node.integer("hidden_size", *units))
    if shapes != ((passes, rows, features), (passes, rows, *units), (passes, 2 * rows), *units):
        raise InputError("has weights whose shapes contradict each other", place=call.node.place)
    found = []
    for index in range(passes):
        halves = np.split(biases[index], 2)
        with np.errstate(all="ignore"):  # infinities in a file are the file's
            total = halves[0] + halves[1]
        operands = [weights[index], recurrent[index], *(halves if kind.biases == 2 else [total])]
        found.append([_ordered(operand, kind.gates) for operand in operands])
    return found


def _ordered(rows: Array, gates: tuple[int, ...]) -> Array:
    pieces = np.split(rows, len(gates))
    return np.concatenate([pieces[gate] for gate in gates])


def _initial(
    call: Call, emitter: Emitter, kind: _Kind, shape: tuple[int, int, int], batch_first: bool
) -> list[list[str]]:
    """For each state the handles [batch, units] of all passes; nothing where all start from zero."""
    passes, batch, units = shape
    given = [call.inputs[index] if index < len(call.inputs) else None for index in STATES[: kind.states]]
    if all(value is None or (isinstance(value, Constant) and not value.data.any()) for value in given):
        return []
    found = []
    for number, value in enumerate(given):
        if value is None:
            zeros = emitter.constant(f"{call.name}/zeros{number}", np.zeros((1, units), np.float32))
            found.append([zeros] * passes)
            continue
        if shape_of(emitter, value) != ((batch, passes, units) if batch_first else shape):
            raise InputError(
                f"has an initial state of shape {list(shape_of(emitter, value))[:9]}", place=call.node.place
            )
        order = (1, 0, 2) if batch_first else (0, 1, 2)
        if isinstance(value, Constant):
            rows = value.real.transpose(order)
            found.append([emitter.constant(f"{value.name}/{call.name}", row) for row in rows])
            continue
        whole = emitter.laid_out(value, order)
        parts = [Slice((index, 0, 0), (1, batch, units), (1, 1, 1)) for index in range(passes)]
        rows_of = [
            whole if passes == 1 else emitter.step(f"{call.name}/initial{number}", part, whole, None) for part in parts
        ]
        found.append([emitter.reshaped(handle, (batch, units)) for handle in rows_of])
    return found


def _turned(emitter: Emitter, handle: str) -> str:
    """A sequence [batch, time, ...] from its last step to its first."""
    batch, time, size = emitter.builder.tensor(handle).shape
    return emitter.step(f"{handle}/reversed", Slice((0, time - 1, 0), (batch, time, size), (1, -1, 1)), handle, None)


def _joined(emitter: Emitter, stem: str, pieces: list[str], axis: int, axes: tuple[int, ...]) -> Variable:
    """The results of all passes side by side."""
    handle = pieces[0]
    if len(pieces) > 1:
        handle = emitter.builder.node(Concat(axis), pieces, name=emitter.unique(stem))
    return Variable(handle, DType.FLOAT32, axes)
