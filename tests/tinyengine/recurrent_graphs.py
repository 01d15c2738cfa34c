"""Recurrent layers, float32 and int8, with one unit and with several, from zero and from given states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import GRU, LSTM, RNN
from tinyml_core.graph.verify import verify

Q = Quantization.per_tensor
SIZES = [  # batch, time, features, units
    (1, 1, 1, 1),
    (1, 5, 3, 4),
    (3, 4, 2, 5),
]
GATES = {LSTM: 4, GRU: 3, RNN: 1}


def _real(rng, shape):
    """Magnitudes far apart, so that another order of the sum gives other bits."""
    return (rng.normal(size=shape) * 10.0 ** rng.integers(-2, 1, shape)).astype(np.float32)


def _floats(rounding, rng):
    operators = [LSTM(), LSTM(0.25), GRU(), GRU(reset_after=False), RNN(), RNN("relu")]
    for number, (batch, time, features, units) in enumerate(SIZES):
        for op in operators:
            for states in (None, batch, 1):
                b = GraphBuilder(f"float {op} {(batch, time, features, units)} from {states}", rounding)
                rows, biases = GATES[type(op)] * units, 2 if isinstance(op, GRU) else 1
                operands = [b.input("x", (batch, time, features), DType.FLOAT32)]
                operands += [b.constant("w", _real(rng, (rows, features))), b.constant("r", _real(rng, (rows, units)))]
                operands += [b.constant(f"b{index}", _real(rng, (rows,))) for index in range(biases)]
                if states is not None:
                    count = 2 if isinstance(op, LSTM) else 1
                    operands += [b.input(f"s{index}", (states, units), DType.FLOAT32) for index in range(count)]
                outputs = b.node_outputs(op, operands)
                yield b.build(outputs if number else outputs[-1:])


def int8_lstm(rounding, rng, size, power, *, clip=0.0, states=None, hidden=None, spread=1.0):
    """A layer with random scales and int16 cell states of scale ``2**power``."""
    batch, time, features, units = size
    b = GraphBuilder(f"int8 lstm {size} 2**{power} clip {clip} from {states}", rounding)
    hidden = hidden or Q(rng.uniform(0.5, 1.5) / 128, int(rng.integers(-128, 128)))
    cell = Q(2.0**power)
    source = Q(rng.uniform(0.002, 0.1) * spread, int(rng.integers(-128, 128)))
    operands = [b.input("x", (batch, time, features), DType.INT8, source)]
    for name, columns in (("w", features), ("r", units)):
        data = rng.integers(-127, 128, (4 * units, columns)).astype(np.int8)
        scales = np.repeat(rng.uniform(0.001, 0.03, 4) * spread, units)
        operands.append(b.constant(name, data, Quantization.per_channel(scales, 0)))
    operands.append(b.constant("b", rng.integers(-3000, 3000, 4 * units).astype(np.int32)))
    if states is not None:
        operands.append(b.input("h", (states, units), DType.INT8, hidden))
        operands.append(b.input("c", (states, units), DType.INT16, cell))
    outputs = b.node_outputs(LSTM(clip), operands, quantization=hidden)
    graph = b.build(outputs)
    tensors = {**graph.tensors, outputs[2]: replace(graph.tensors[outputs[2]], quantization=cell)}
    return verify(replace(graph, tensors=tensors))


def _integers(rounding, rng):
    for size in SIZES:
        for states in (None, size[0], 1):
            yield int8_lstm(rounding, rng, size, -11, states=states)
    for power, clip, spread in [(-12, 0.0, 1.0), (-15, 0.5, 5.0), (-20, 0.0, 1.0), (-30, 0.0, 1.0), (2, 3.0, 0.1)]:
        yield int8_lstm(rounding, rng, (1, 6, 4, 3), power, clip=clip, spread=spread)
    yield int8_lstm(rounding, rng, (1, 6, 4, 3), -11, hidden=Q(1e-7, 5), spread=20.0)


def layers(rounding):
    """The graphs with this rounding."""
    rng = np.random.default_rng(11)
    return [*(verify(graph) for graph in _floats(rounding, rng)), *_integers(rounding, rng)]
