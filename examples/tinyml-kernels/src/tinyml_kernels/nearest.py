"""KestrelNearest: an int8 nearest resize that copies whole pixels by the word; channels are a multiple of four."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from tinyml_core.api.generator import KernelLayer
from tinyml_core.arithmetic.lowering import lower_resize
from tinyml_core.arithmetic.lowering.resize import NearestAxis
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Resize
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule

HEADER = "kestrel_nearest.h"
CYCLES_PER_WORD, CYCLES_PER_PIXEL = 2.3, 2.0
"""Measured on the emulated Cortex-M4."""


@dataclass(frozen=True, kw_only=True)
class KestrelNearest:
    """The kernel; it has no options."""

    generator: str = "tinyengine"
    """Name of the code generator it is for."""

    @property
    def files(self) -> Mapping[str, str]:
        """The header."""
        return {HEADER: (files(__package__) / HEADER).read_text(encoding="ascii")}

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule for an int8 image of 4, 8, 12 ... channels."""
        source, output = graph.inputs_of(node)[0], graph.outputs_of(node)[0]
        if not isinstance(node.op, Resize) or node.op.method != "nearest" or source.dtype is not DType.INT8:
            return []
        _, rows, columns, channels = output.shape
        if channels % 4 or source.shape[0] != 1:
            return []
        pixels = rows * columns
        cycles = pixels * (CYCLES_PER_PIXEL + CYCLES_PER_WORD * channels / 4)
        return [Schedule(kernel="kestrel-nearest", cycles=cycles, flash=2 * (rows + columns))]

    def emit(self, layer: KernelLayer) -> str:
        """A call of the header's function, with tables of the rows and columns to read."""
        lowering = lower_resize(layer.node, layer.graph)
        assert isinstance(lowering.rows, NearestAxis)
        assert isinstance(lowering.columns, NearestAxis)
        _, rows, columns, channels = layer.output.shape
        table = layer.constant("rows", "uint16_t", map(str, lowering.rows.source))
        across = layer.constant("columns", "uint16_t", map(str, lowering.columns.source))
        sizes = f"{rows}, {columns}, {layer.inputs[0].shape[2]}, {channels}"
        return f"    kestrel_nearest({layer.source()}, {layer.target()}, {table}, {across}, {sizes});\n"
