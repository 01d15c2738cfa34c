"""Recurrent layers: one ONNX node for each layer of a stack, which reads and writes the time axis first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.fx import Node

from tinyml_plugins.importers.onnx.network import Array, Attribute
from tinyml_plugins.importers.torch_module.operators.call import Call, Part, Rule, Step, integers, shape_of

LSTM_GATES, GRU_GATES, RNN_GATES = (0, 3, 1, 2), (1, 0, 2), (0,)
"""For each gate of ONNX, where torch has it."""
SWAPPED: dict[str, Attribute] = {"perm": (1, 0, 2)}


def _lstm(call: Call) -> tuple[Step, ...]:
    return _stack(call, "LSTM", LSTM_GATES, list(call["hx"]), {})


def _gru(call: Call) -> tuple[Step, ...]:
    return _stack(call, "GRU", GRU_GATES, [call["hx"]], {"linear_before_reset": 1})


def _rnn(function: bytes) -> Rule:
    def rule(call: Call) -> tuple[Step, ...]:
        functions = (function,) * (2 if call["bidirectional"] else 1)
        return _stack(call, "RNN", RNN_GATES, [call["hx"]], {"activations": functions})

    return rule


def _stack(
    call: Call, op_type: str, gates: Sequence[int], states: list[Node], attributes: dict[str, Attribute]
) -> tuple[Step, ...]:
    """The sequence and the last states of all layers."""
    call.demand("train", False)
    layers, passes, batch_first = int(call["num_layers"]), 2 if call["bidirectional"] else 1, bool(call["batch_first"])
    parameters = [call.constant(value) for value in call["params"]]
    count = 4 if call["has_biases"] else 2
    if len(parameters) != layers * passes * count:
        raise call.unsupported("projects its hidden state (proj_size)")
    time, batch, _ = (shape_of(call["input"])[axis] for axis in ((1, 0, 2) if batch_first else (0, 1, 2)))
    if not batch_first and time == 1 and all(state.name in call.constants for state in states):
        raise call.unsupported(
            "sees one step: the first axis of the example counts samples, so give it samples first and transpose inside"
        )
    sequence: Node | Step = Step("Transpose", (call["input"],), SWAPPED) if batch_first else call["input"]
    direction = {"direction": b"bidirectional" if passes == 2 else b"forward"}
    last: list[list[Part]] = [[] for _ in states]
    for layer in range(layers):
        rows = [parameters[count * (layer * passes + index) :][:count] for index in range(passes)]
        weights = [np.stack([_ordered(row[matrix], gates) for row in rows]) for matrix in (0, 1)]
        bias = None
        if count == 4:
            bias = np.stack([np.concatenate([_ordered(half, gates) for half in row[2:]]) for row in rows])
        first = [_part(call, state, layer * passes, passes) if layers > 1 else state for state in states]
        inputs = (sequence, *weights, bias, None, *first)
        step = Step(op_type, inputs, {**attributes, **direction}, outputs=1 + len(states))
        for index, results in enumerate(last, start=1):
            results.append(Part(step, index))
        beside = Step("Transpose", (step,), {"perm": (0, 2, 1, 3)})
        sequence = Step("Reshape", (beside, integers(time, batch, passes * weights[1].shape[2])))
    final = Step("Transpose" if batch_first else "Identity", (sequence,), SWAPPED if batch_first else {})
    return final, *(Step("Concat", tuple(results), {"axis": 0}) for results in last)


def _ordered(rows: Array, gates: Sequence[int]) -> Array:
    pieces = np.split(rows, len(gates))
    return np.concatenate([pieces[gate] for gate in gates])


def _part(call: Call, state: Node, first: int, count: int) -> Array | Step:
    """The initial states of one layer."""
    if state.name in call.constants:
        return call.constants[state.name][first : first + count]
    return Step("Slice", (state, *(integers(each) for each in (first, first + count, 0))))


RECURRENT: dict[str, Rule] = {
    "gru.input": _gru,
    "lstm.input": _lstm,
    "rnn_relu.input": _rnn(b"Relu"),
    "rnn_tanh.input": _rnn(b"Tanh"),
}
"""Stacks of layers; those of torch compute as ONNX does, a GRU with its reset gate behind the product."""
