"""Kernels and layers: the two sides a kernel deals with, the planner's and the printer's.

A kernel is a stateless object. ``candidates`` tells the planner what it would need; when the planner has chosen one of
its schedules, ``emit`` gets the :class:`Layer`, which knows where every operand lies, and returns the statements of the
layer's function. A vendor's kernel (kind ``kernel``) has the same two methods and is called the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import DType, Tensor
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.program import Program, Step
from tinyml_core.program.rows import row_bytes, row_count
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import ConstantArray, literals

C_TYPES = {
    DType.INT8: "int8_t",
    DType.UINT8: "uint8_t",
    DType.INT16: "int16_t",
    DType.FLOAT32: "float",
    DType.INT32: "int32_t",
    DType.INT64: "int64_t",
    DType.BOOL: "uint8_t",
}
"""C spelling of the element types that layers read and write; a boolean is 0 or 1."""

Types = frozenset[tuple[DType, DType]]
"""Types of the first input and of the first output."""
INT8: Types = frozenset({(DType.INT8, DType.INT8)})
INT16: Types = frozenset({(DType.INT16, DType.INT16)})
QUANTISED = INT8 | INT16
FLOAT: Types = frozenset({(DType.FLOAT32, DType.FLOAT32)})
UNCHANGED: Types = frozenset((dtype, dtype) for dtype in DType)
"""Any type, the same behind as before."""


@dataclass
class Layer:
    """One step of a program, as the kernel that writes it sees it.

    ``symbol`` is the C function; ``constants`` collects the tables it reads, but those that equal one of ``shared``,
    the tables of other layers by type and elements.
    """

    program: Program
    step: Step
    symbol: str
    constants: list[ConstantArray] = field(default_factory=list)
    shared: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)

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
        """What the node writes, the first of several."""
        return self.graph.outputs_of(self.node)[0]

    def source(self, index: int = 0) -> str:
        """C expression of a pointer to the first element of an input, in the arena or in flash."""
        tensor = self.inputs[index]
        ctype = C_TYPES[tensor.dtype]
        if tensor.data is not None:
            return self.constant(f"input{index}", ctype, literals(tensor.data))
        return f"(const {ctype} *){_address(ctype, self.program.buffer_of(tensor.name).offset)}"

    def target(self, index: int = 0) -> str:
        """C expression of a pointer to the first element of an output."""
        tensor = self.graph.outputs_of(self.node)[index]
        ctype = C_TYPES[tensor.dtype]
        return f"({ctype} *){_address(ctype, self.program.buffer_of(tensor.name).offset)}"

    @property
    def rowwise(self) -> bool:
        """Whether the function computes one row, ``row``, instead of the whole output."""
        return self.step.schedule.rows

    def row_source(self, index: int, row: str) -> str:
        """C expression of a pointer to row ``row`` (an expression, never a row of padding) of an input."""
        tensor = self.inputs[index]
        ctype = C_TYPES[tensor.dtype]
        if tensor.data is not None:
            return f"({self.source(index)} + {self._row_offset(tensor, None, row)} / (int32_t)sizeof({ctype}))"
        return f"(const {ctype} *){self._row_address(tensor, ctype, row)}"

    def row_target(self, row: str, index: int = 0) -> str:
        """C expression of a pointer to row ``row`` of an output."""
        tensor = self.graph.outputs_of(self.node)[index]
        ctype = C_TYPES[tensor.dtype]
        return f"({ctype} *){self._row_address(tensor, ctype, row)}"

    def _row_address(self, tensor: Tensor, ctype: str, row: str) -> str:
        buffer = self.program.buffer_of(tensor.name)
        return _address(ctype, f"{buffer.offset} + {self._row_offset(tensor, buffer.rows, row)}")

    def _row_offset(self, tensor: Tensor, ring: int | None, row: str) -> str:
        if row_count(tensor) == 1 or ring == 1:
            return "0"
        slot = f"({row})" if ring is None or ring >= row_count(tensor) else f"({row}) % {ring}"
        return f"{slot} * {row_bytes(tensor)}"

    def state(self, ctype: str) -> str:
        """C expression of a pointer to what the schedule carries from row to row."""
        assert self.step.state is not None, self.symbol
        return f"({ctype} *){_address(ctype, self.program.buffer(self.step.state).offset)}"

    def scratch(self, ctype: str) -> str:
        """C expression of a pointer to the scratch that the schedule asked for."""
        assert self.step.scratch is not None, self.symbol
        return f"({ctype} *){_address(ctype, self.program.buffer(self.step.scratch).offset)}"

    def constant(self, role: str, ctype: str, elements: Iterable[str]) -> str:
        """Add a table to the flash, unless there is an equal one, and return its C name."""
        table = ConstantArray(f"{self.symbol}_{role}", ctype, tuple(elements))
        name = self.shared.setdefault((ctype, table.elements), table.name)
        if name == table.name:
            self.constants.append(table)
        return name


def _address(ctype: str, offset: int | str) -> str:
    # The planner aligned the offset, which -Wcast-align cannot know of a sum.
    return f"(arena + {offset})" if ctype == "int8_t" else f"(void *)(arena + {offset})"


class LayerKernel(Protocol):
    """One way to carry out an operator."""

    name: ClassVar[str]
    """What schedules and reports call it."""
    needs: ClassVar[frozenset[str]]
    """Features a core must have for this kernel to be worth offering; its code is correct on any core."""
    types: ClassVar[Types]
    """Types it takes; those of the other operands follow from the operator."""

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """Schedules for a node whose arithmetic is defined; none when this kernel does not know its shape."""
        ...

    def emit(self, *, layer: Layer) -> str:
        """The statements of the layer's function; ``arena`` is a ``uint8_t *`` there."""
        ...
