"""Layer: one step of a program while its C is written, and the constants it puts into flash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tinyml_core.arithmetic.lowering import Requantisation
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.tensor import Tensor
from tinyml_core.program.program import Program, Step


@dataclass
class Layer:
    """``symbol`` is the C function; ``tables`` collects definitions of constants."""

    program: Program
    step: Step
    symbol: str
    tables: list[str] = field(default_factory=list)

    @property
    def node(self) -> Node:
        """The node to carry out."""
        return self.step.node

    @property
    def graph(self) -> Graph:
        """The graph of the node."""
        return self.program.graph

    @property
    def inputs(self) -> list[Tensor]:
        """What the node reads."""
        return self.graph.inputs_of(self.node)

    @property
    def output(self) -> Tensor:
        """What the node writes."""
        return self.graph.outputs_of(self.node)[0]

    def source(self, index: int = 0) -> str:
        """C expression of a pointer to an input, in the arena or in flash."""
        tensor = self.inputs[index]
        if tensor.data is not None:
            return self.table(f"input{index}", "int8_t", tensor.data.reshape(-1).tolist())
        return f"(const int8_t *)(arena + {self.program.buffer_of(tensor.name).offset})"

    def target(self) -> str:
        """C expression of a pointer to the output."""
        return f"(int8_t *)(arena + {self.program.buffer_of(self.output.name).offset})"

    def table(self, role: str, ctype: str, values: Iterable[int]) -> str:
        """Define a table and return its name."""
        name, numbers = f"{self.symbol}_{role}", [_literal(int(value)) for value in values]
        lines = (", ".join(numbers[at : at + 16]) for at in range(0, len(numbers), 16))
        body = ",\n    ".join(lines)
        self.tables.append(f"static const {ctype} {name}[{len(numbers)}] = {{\n    {body}\n}};\n")
        return name

    def finishing(self, by: Requantisation) -> str:
        """C expression of a ``portable_output``."""
        shifts = by.by.shift
        fields = {
            "mantissa": self.table("mantissa", "int32_t", by.by.mantissa),
            "shift": self.table("shift", "int8_t", shifts),
            "step": int(len(shifts) > 1),
            "shifted": int(any(shifts)),
            "single": int(self.graph.rounding is Rounding.SINGLE),
            "zero_point": by.zero_point, "low": by.low, "high": by.high,
        }  # fmt: skip
        return literal("portable_output", fields)


def literal(ctype: str, fields: Mapping[str, object]) -> str:
    """C expression of a pointer to a constant structure."""
    told = ", ".join(f".{name} = {value}" for name, value in fields.items())
    return f"&(const {ctype}){{{told}}}"


def _literal(value: int) -> str:
    return "INT32_MIN" if value == -(2**31) else str(value)
