"""Tables of layers with variables: what would be constants in flash, made at run time from them and the variables.

A layer that is computed as a whole makes them in its scratch, one that is computed row by row in its state, at its
first row. They lie at the end of either, behind what the kernel needs otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import hexadecimal, literals
from tinyml_plugins.tinyengine.kernel import Layer
from tinyml_plugins.tinyengine.requantiser import Requantiser
from tinyml_plugins.tinyengine.timing import cycles
from tinyml_plugins.tinyengine.variables import LayerLowering, lower_layer

WORD = 4
"""Bytes to which tables are aligned."""


def scheduled(
    schedules: Sequence[Schedule],
    node: Node,
    graph: Graph,
    profile: HardwareProfile,
    *,
    tables: int,
    filters: int = 0,
    made: str = "variable_filters",
) -> list[Schedule]:
    """``schedules`` with what variables add to them; layers with variable weights are not computed row by row.

    ``tables`` are the bytes of the tables that hold biases, ``filters`` those of filters ``made`` from variable
    weights.
    """
    lowering = lower_layer(node, graph)
    if not lowering.variable:
        return list(schedules)
    weights, channels = graph.inputs_of(node)[1], len(lowering.bias)
    spent = cycles("variable_records", profile, outputs=tables // WORD + channels)
    flash = 0
    if lowering.variable_weights:
        tables += _whole_words(filters)
        flash = weights.bytes
        spent += cycles(made, profile, outputs=weights.elements)
    return [
        replace(
            schedule,
            cycles=schedule.cycles + spent,
            scratch=schedule.scratch if schedule.rows else _whole_words(schedule.scratch) + tables,
            state=tables if schedule.rows else 0,
            flash=schedule.flash - flash,
        )
        for schedule in schedules
        if not (schedule.rows and lowering.variable_weights)
    ]


@dataclass
class Tables:
    """The tables of one layer, in flash or made by ``statements``."""

    layer: Layer
    lowering: LayerLowering
    statements: list[str] = field(default_factory=list)
    declarations: list[str] = field(default_factory=list)
    _used: int = 0
    _records: tuple[str, int] = ("", 0)

    @property
    def storage(self) -> str:
        """How a C structure that points to the tables is declared."""
        return "const" if self.lowering.variable else "static const"

    @property
    def prologue(self) -> str:
        """What comes in front of the layer's statements: ``declarations`` behind the ``statements``."""
        made = [f"    {each}\n" for each in self.statements]
        if made and self.layer.rowwise:
            made = ["    if (row == 0) {\n", *(f"    {each}" for each in made), "    }\n"]
        return "".join([*made, *(f"    {each}\n" for each in self.declarations), "\n" if made else ""])

    @property
    def biases(self) -> str:
        """C expression of the variable biases; 0 where they are constant."""
        return self.layer.source(2) if self.lowering.variable_bias else "0"

    @property
    def weights(self) -> str:
        """C expression of the variable weights; nothing where they are constant."""
        return self.layer.source(1) if self.lowering.variable_weights else ""

    def place(self, size: int) -> str:
        """C expression of the address of ``size`` bytes more."""
        step, schedule = self.layer.step, self.layer.step.schedule
        name, whole = (step.state, schedule.state) if schedule.rows else (step.scratch, schedule.scratch)
        self._used += _whole_words(size)
        assert name is not None, self.layer.symbol
        assert self._used <= whole, self.layer.symbol
        return f"(void *)(arena + {self.layer.program.buffer(name).offset + whole - self._used})"

    def channels(self, activation: Requantiser, bias: npt.NDArray[np.integer]) -> str:
        """C expression of a pointer to the table of channels."""
        return self.records(activation.channel_type, activation.channels(bias), activation.columns(bias))

    def records(self, ctype: str, elements: Iterable[str], records: npt.NDArray[np.int64]) -> str:
        """C expression of a pointer to ``records`` [channels, words], the bias first; ``elements`` in flash."""
        if not self.lowering.variable:
            return self.layer.constant("channels", ctype, elements)
        channels, words = records.shape
        table = self.layer.constant("channels", "uint32_t", hexadecimal((records & 0xFFFFFFFF).astype(np.uint32)))
        place = self.place(WORD * records.size)
        self.statements.append(f"tinyml_variable_records({place}, {table}, {words}, {channels}, {self.biases});")
        self._records = place, words
        return f"((const {ctype} *){place})"

    def filters(self, filters: npt.NDArray[np.int8], channels: Callable[[], str]) -> dict[str, str]:
        """C expressions of depthwise ``filters`` [channels, taps] and of ``channels``, their :meth:`records`."""
        if not self.lowering.variable_weights:
            return {"weights": self.layer.constant("weights", "int8_t", literals(filters)), "channels": channels()}
        count, taps = filters.shape
        table, place = channels(), self.place(filters.size)
        records, words = self._records
        zero = self.lowering.input_zero_point
        self.statements.append(
            f"tinyml_variable_filters({place}, {self.weights}, {taps}, {count}, {records}, {words}, {zero});"
        )
        return {"weights": f"((const int8_t *){place})", "channels": table}


def _whole_words(size: int) -> int:
    return -(-size // WORD) * WORD
