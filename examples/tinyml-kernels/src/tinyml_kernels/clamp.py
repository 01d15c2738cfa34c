"""KestrelClamp: an int8 Clamp that keeps its scale, four elements at a time.

SSUB8 compares four signed bytes and SEL picks by the outcome (Armv7-M Architecture Reference Manual, A7.7), so a limit
costs two instructions for four elements; the bundled generator looks every element up in a table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from tinyml_core.api.generator import KernelLayer
from tinyml_core.arithmetic.lowering import RescaleLowering, lower
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Clamp
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule

HEADER = "kestrel_clamp.h"
CYCLES_PER_ELEMENT, CYCLES_PER_LIMIT, CYCLES = 1.0, 0.56, 40.0
"""Measured on the emulated Cortex-M4: for each element, each element and limit, and once."""
PORTABLE = 6.0
"""Cycles for an element where the core has no DSP extension: the table is better there."""


@dataclass(frozen=True, kw_only=True)
class KestrelClamp:
    """The kernel; it has no options."""

    generator: str = "tinyengine"
    """Name of the code generator it is for."""

    @property
    def files(self) -> Mapping[str, str]:
        """The header with both forms: instructions of the DSP extension, and plain C."""
        return {HEADER: (files(__package__) / HEADER).read_text(encoding="ascii")}

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule for an int8 Clamp whose scale stays."""
        source, output = graph.inputs_of(node)[0], graph.outputs_of(node)[0]
        if not isinstance(node.op, Clamp) or (source.dtype, output.dtype) != (DType.INT8, DType.INT8):
            return []
        if source.quantization is None or source.quantization != output.quantization:
            return []
        rate = CYCLES_PER_ELEMENT + CYCLES_PER_LIMIT * sum(map(math.isfinite, node.op.activation))
        if "dsp" not in profile.features:
            rate = PORTABLE
        return [Schedule(kernel="kestrel-clamp", cycles=rate * output.elements + CYCLES, in_place=(0,))]

    def emit(self, layer: KernelLayer) -> str:
        """A call of the header's function."""
        lowering = lower(layer.node, layer.graph)
        assert isinstance(lowering, RescaleLowering)
        to = lowering.requantisation
        return f"    kestrel_clamp({layer.source()}, {layer.target()}, {layer.output.elements}, {to.low}, {to.high});\n"
