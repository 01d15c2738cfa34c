"""Recurrent layers, step by step: float32 in one order of operations, and TensorFlow Lite Micro's int8 LSTM.

A gate's argument in float32 is ``(sum(w * x) + bias) + sum(r * hidden)``, where the recurrent sum of a GRU has its own
bias behind it; both sums start at 0. docs/arithmetic.md tells the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic import sigmoid16
from tinyml_core.arithmetic.elementary import FUNCTIONS
from tinyml_core.arithmetic.lowering.linear import LinearLowering
from tinyml_core.arithmetic.lowering.recurrent import lower_lstm
from tinyml_core.arithmetic.reference.floating import clamped
from tinyml_core.arithmetic.reference.requantised import requantised
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import GRU, IDENTITY, LSTM, RELU, RNN

Array = npt.NDArray[Any]
Results = tuple[Array, ...]
Run = Callable[[Sequence[Array]], Results]

SIGMOID, TANH = FUNCTIONS["sigmoid"][0], FUNCTIONS["tanh"][0]


def float_lstm(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`LSTM`."""
    op = node.op
    assert isinstance(op, LSTM)
    limits = (-op.cell_clip, op.cell_clip) if op.cell_clip else IDENTITY

    def run(inputs: Sequence[Array]) -> Results:
        x, weights, recurrent, bias, *initial = inputs
        hidden, cell = _states(initial, x, recurrent, 2)
        steps = []
        for arguments in _products(x, weights, bias):
            entry, forget, candidate, exit_ = np.split(arguments + _product(hidden, recurrent), 4, axis=1)
            cell = clamped(SIGMOID(forget) * cell + SIGMOID(entry) * TANH(candidate), limits)
            hidden = SIGMOID(exit_) * TANH(cell)
            steps.append(hidden)
        return np.stack(steps, axis=1), hidden, cell

    return run


def float_gru(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`GRU`."""
    op = node.op
    assert isinstance(op, GRU)

    def run(inputs: Sequence[Array]) -> Results:
        x, weights, recurrent, bias, recurrent_bias, *initial = inputs
        (hidden,) = _states(initial, x, recurrent, 1)
        steps = []
        for arguments in _products(x, weights, bias):
            update, reset, candidate = np.split(arguments, 3, axis=1)
            rows, biases = np.split(recurrent, 3), np.split(recurrent_bias, 3)
            update = SIGMOID(update + (_product(hidden, rows[0]) + biases[0]))
            reset = SIGMOID(reset + (_product(hidden, rows[1]) + biases[1]))
            if op.reset_after:
                recalled = reset * (_product(hidden, rows[2]) + biases[2])
            else:
                recalled = _product(reset * hidden, rows[2]) + biases[2]
            hidden = (np.float32(1) - update) * TANH(candidate + recalled) + update * hidden
            steps.append(hidden)
        return np.stack(steps, axis=1), hidden

    return run


def float_rnn(node: Node, graph: Graph) -> Run:
    """Prepare an :class:`RNN`."""
    op = node.op
    assert isinstance(op, RNN)

    def run(inputs: Sequence[Array]) -> Results:
        x, weights, recurrent, bias, *initial = inputs
        (hidden,) = _states(initial, x, recurrent, 1)
        steps = []
        for arguments in _products(x, weights, bias):
            argument = arguments + _product(hidden, recurrent)
            hidden = TANH(argument) if op.function == "tanh" else clamped(argument, RELU)
            steps.append(hidden)
        return np.stack(steps, axis=1), hidden

    return run


def _states(initial: Sequence[Array], x: Array, recurrent: Array, count: int) -> list[Array]:
    """The ``count`` states [batch, units] to start from."""
    shape = (x.shape[0], recurrent.shape[1])
    given = initial or [np.zeros(shape, np.float32)] * count
    return [np.broadcast_to(state, shape) for state in given]


def _products(x: Array, weights: Array, bias: Array) -> Array:
    """[time, batch, rows]: the part of every gate that needs no state."""
    return _product(x.swapaxes(0, 1), weights) + bias


def _product(values: Array, weights: Array) -> Array:
    """``values`` [..., n] by ``weights`` [rows, n]: [..., rows], summed from the first to the last."""
    total = np.zeros((*values.shape[:-1], weights.shape[0]), np.float32)
    for index in range(weights.shape[1]):
        total += values[..., index, None] * weights[:, index]
    return total


def lstm(node: Node, graph: Graph) -> Run:
    """Prepare an int8 :class:`LSTM`."""
    lowering = lower_lstm(node, graph)
    hidden_tensor = graph.outputs_of(node)[1]
    clip = lowering.clip

    def run(inputs: Sequence[Array]) -> Results:
        x, initial = inputs[0], inputs[4:]
        shape = hidden_tensor.shape
        hidden, cell = (
            [np.broadcast_to(state, shape).astype(np.int64) for state in initial]
            or [np.full(shape, hidden_tensor.zero_point, np.int64), np.zeros(shape, np.int64)]
        )  # fmt: skip
        steps = []
        for features in x.swapaxes(0, 1):
            arguments = _int16(_gates(features, lowering.inputs) + _gates(hidden, lowering.recurrent))
            entry, forget, candidate, exit_ = np.split(arguments, 4, axis=1)
            kept = requantised(sigmoid16.sigmoid(forget * 3) * cell, lowering.kept, np.int64)
            candidate = sigmoid16.tanh(candidate * 3)
            added = requantised(sigmoid16.sigmoid(entry * 3) * candidate, lowering.added, np.int64)
            cell = _int16(kept + added)
            if clip is not None:
                cell = np.clip(cell, -clip, clip)
            shown = sigmoid16.tanh(sigmoid16.scaled(cell, *lowering.argument))
            hidden = requantised(shown * sigmoid16.sigmoid(exit_ * 3), lowering.shown, np.int64)
            steps.append(hidden.astype(np.int8))
        return np.stack(steps, axis=1), steps[-1], cell.astype(np.int16)

    return run


def _gates(values: Array, linear: LinearLowering) -> Array:
    """Arguments in Q3.12 of ``values`` [batch, n], for each row."""
    sums = (values.astype(np.int64) - linear.input_zero_point) @ linear.weights.T.astype(np.int64)
    return requantised(sums + linear.bias, linear.requantisation, np.int64)


def _int16(values: Array) -> Array:
    return np.clip(values, -32768, 32767)
