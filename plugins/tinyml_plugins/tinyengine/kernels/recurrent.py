"""Recurrent layers: step by step, unit by unit; the state outputs are the states at work.

Each sample of a batch runs by itself. float32 parameters may be constants or computed by other layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tinyml_core.arithmetic.lowering import LinearLowering, Requantisation, lower_lstm
from tinyml_core.arithmetic.sigmoid16 import TABLE
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import GRU, IDENTITY, LSTM, RELU, RNN
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.kernel import FLOAT, INT8, Layer, Types
from tinyml_plugins.tinyengine.limits import limited
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import Requantiser, folded_bias
from tinyml_plugins.tinyengine.timing import cycles

ROW_BYTES = 12
"""Of the table of channels, for each matrix."""


class _Recurrent:
    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = FLOAT

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        inputs, outputs = graph.inputs_of(node), graph.outputs_of(node)
        estimate = cycles(
            self.name, profile, macs=node.op.macs(inputs, outputs), outputs=outputs[0].elements
        )  # fmt: skip
        flash = self.tables(node, graph) + sum(tensor.bytes for tensor in inputs if tensor.data is not None)
        return [Schedule(kernel=self.name, cycles=estimate, scratch=self.scratch(node, graph), flash=flash)]

    def scratch(self, node: Node, graph: Graph) -> int:
        """Bytes of working memory."""
        return 0

    def tables(self, node: Node, graph: Graph) -> int:
        """Bytes of flash besides the node's constants."""
        return 0


class FloatLSTM(_Recurrent):
    """Any float32 LSTM layer."""

    name: ClassVar[str] = "float_lstm"

    def emit(self, *, layer: Layer) -> str:
        """Loops over samples, steps, units and gates."""
        op = layer.node.op
        assert isinstance(op, LSTM)
        limits = (-op.cell_clip, op.cell_clip) if op.cell_clip else IDENTITY
        return render(
            "kernels/float_lstm.c.j2", **_common(layer, 4), **_parameters(layer), limited=limited("value", limits)
        )


class FloatGRU(_Recurrent):
    """Any GRU layer."""

    name: ClassVar[str] = "float_gru"

    def scratch(self, node: Node, graph: Graph) -> int:
        """The reset gate, and the hidden state behind it where it applies before the product."""
        assert isinstance(node.op, GRU)
        return graph.inputs_of(node)[2].shape[1] * (4 if node.op.reset_after else 8)

    def emit(self, *, layer: Layer) -> str:
        """Loops over samples, steps and units: the two gates first, then the candidate."""
        op = layer.node.op
        assert isinstance(op, GRU)
        return render(
            "kernels/float_gru.c.j2",
            **_common(layer, 5),
            **_parameters(layer),
            recurrent_bias=layer.source(4),
            reset_after=op.reset_after,
            scratch=layer.scratch("float"),
        )


class FloatRNN(_Recurrent):
    """Any simple recurrent layer."""

    name: ClassVar[str] = "float_rnn"

    def emit(self, *, layer: Layer) -> str:
        """Loops over samples, steps and units."""
        op = layer.node.op
        assert isinstance(op, RNN)
        result = "tinyml_tanh(value)" if op.function == "tanh" else limited("value", RELU)
        return render("kernels/float_rnn.c.j2", **_common(layer, 4), **_parameters(layer), result=result)


class QuantisedLSTM(_Recurrent):
    """Any int8 LSTM layer."""

    name: ClassVar[str] = "lstm"
    types: ClassVar[Types] = INT8

    def tables(self, node: Node, graph: Graph) -> int:
        """The channels of both matrices in place of the biases, and the table of the sigmoid."""
        bias = graph.inputs_of(node)[3]
        return 2 * ROW_BYTES * bias.elements - bias.bytes + 2 * len(TABLE)

    def emit(self, *, layer: Layer) -> str:
        """Loops over samples, steps, units and gates."""
        lowering = lower_lstm(layer.node, layer.graph)
        return render(
            "kernels/lstm.c.j2",
            **_common(layer, 4),
            weights=layer.constant("weights", "int8_t", literals(lowering.inputs.weights)),
            recurrent=layer.constant("recurrent", "int8_t", literals(lowering.recurrent.weights)),
            input_rows=_rows(layer, "input_rows", lowering.inputs),
            hidden_rows=_rows(layer, "hidden_rows", lowering.recurrent),
            table=layer.constant("sigmoid", "uint16_t", literals(TABLE)),
            kept=_multiplier(lowering.kept),
            added=_multiplier(lowering.added),
            shown=_multiplier(lowering.shown),
            zero_point=lowering.shown.zero_point,
            argument=lowering.argument,
            clip=lowering.clip,
        )


def _common(layer: Layer, first_state: int) -> dict[str, object]:
    """What all templates need; states are given from the input ``first_state`` on."""
    batch, time, features = layer.inputs[0].shape
    initial = layer.inputs[first_state:]
    return {
        "batch": batch,
        "time": time,
        "features": features,
        "units": layer.output.shape[2],
        "source": layer.source(),
        "target": layer.target(),
        "states": [layer.target(1 + index) for index in range(len(layer.graph.outputs_of(layer.node)) - 1)],
        "initial": [layer.source(first_state + index) for index in range(len(initial))],
        "shared": batch == 1 or any(state.shape[0] == 1 for state in initial),
    }


def _parameters(layer: Layer) -> dict[str, str]:
    return {"weights": layer.source(1), "recurrent": layer.source(2), "bias": layer.source(3)}


def _rows(layer: Layer, role: str, linear: LinearLowering) -> str:
    """The table of channels of one matrix, zero points folded into the biases."""
    channels = Requantiser(linear.requantisation, 0).channels(folded_bias(linear, linear.weights))
    return layer.constant(role, "tinyml_shifted_channel", channels)


def _multiplier(to: Requantisation) -> tuple[int, int]:
    return to.by.mantissa[0], to.by.shift[0]
