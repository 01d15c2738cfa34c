"""Elementwise operators, softmax, and the crossings between scales and between integers and float.

Each reads an element before it writes over it, so they work in place, those of int16 and float excepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering import lower
from tinyml_core.arithmetic.lowering.crossing import QuantizeLowering, RescaleLowering, lower_dequantize
from tinyml_core.arithmetic.lowering.softmax import Int16SoftmaxLowering, lower_softmax
from tinyml_core.arithmetic.lowering.unary import TableLowering
from tinyml_core.arithmetic.requantise import requantise
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import DType, Tensor
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.kernel import C_TYPES, INT8, QUANTISED, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import SUFFIXES
from tinyml_plugins.tinyengine.rowwise import elements, source, target, with_rows
from tinyml_plugins.tinyengine.timing import cycles

INT8_VALUES = 256


def _in_place(
    kernel: str, node: Node, graph: Graph, profile: HardwareProfile, *, inputs: tuple[int, ...] = (0,), flash: int = 0
) -> list[Schedule]:
    (output,) = graph.outputs_of(node)
    estimate = cycles(kernel, profile, outputs=output.elements)
    return with_rows(Schedule(kernel=kernel, cycles=estimate, in_place=inputs, flash=flash), node, graph)


def _of_bytes(integers: Tensor) -> tuple[int, ...]:
    """In place over floats only with bytes: C lets no other type lie over them, and compilers reorder accesses."""
    return (0,) if integers.dtype.size == 1 else ()


class Lookup:
    """Functions of one operand of a byte, and changes between int8 and uint8: a table of the 256 possible results."""

    name: ClassVar[str] = "lookup"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = INT8 | {(DType.INT8, DType.UINT8), (DType.UINT8, DType.INT8)}

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule for inputs of a byte."""
        types = (graph.inputs_of(node)[0].dtype, graph.outputs_of(node)[0].dtype)
        if types not in self.types:
            return []
        return _in_place(self.name, node, graph, profile, flash=INT8_VALUES)

    def emit(self, *, layer: Layer) -> str:
        """A loop over elements; the table goes by the byte: int8 starts at 0 and goes on with -128."""
        lowering = lower(layer.node, layer.graph)
        if isinstance(lowering, TableLowering):
            table: npt.NDArray[np.generic] = np.roll(lowering.table, INT8_VALUES // 2)
        else:
            assert isinstance(lowering, RescaleLowering)
            to = lowering.requantisation
            values = np.arange(INT8_VALUES, dtype=np.uint8).view(layer.inputs[0].dtype.numpy).astype(np.int64)
            rescaled = requantise((values - lowering.input_zero_point)[:, None], to.by)[:, 0] + to.zero_point
            table = np.clip(rescaled, to.low, to.high)
        return render(
            "kernels/lookup.c.j2",
            count=elements(layer),
            source=source(layer),
            target=target(layer),
            types=[C_TYPES[tensor.dtype] for tensor in (layer.inputs[0], layer.output)],
            table=layer.constant("table", C_TYPES[layer.output.dtype], literals(table)),
        )


class Softmax:
    """Softmax along the last axis."""

    name: ClassVar[str] = "softmax"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = QUANTISED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        lowering = lower_softmax(node, graph)
        if isinstance(lowering, Int16SoftmaxLowering):
            flash = lowering.exponentials.nbytes + lowering.reciprocals.nbytes
        else:
            flash = lowering.exponentials.nbytes
        return _in_place(self.name, node, graph, profile, flash=flash)

    def emit(self, *, layer: Layer) -> str:
        """For each row the maximum, the sum of exponentials, and the shares."""
        lowering = lower_softmax(layer.node, layer.graph)
        length = layer.output.shape[-1]
        values: dict[str, object] = {"rows": elements(layer) // length, "length": length}
        values |= {"source": source(layer), "target": target(layer)}
        if isinstance(lowering, Int16SoftmaxLowering):
            return render(
                "kernels/softmax_int16.c.j2",
                s=lowering,
                exponentials=layer.constant("exponentials", "int16_t", literals(lowering.exponentials)),
                reciprocals=layer.constant("reciprocals", "int16_t", literals(lowering.reciprocals)),
                **values,
            )
        table = layer.constant("exponentials", "int32_t", literals(lowering.exponentials))
        return render("kernels/softmax.c.j2", table=table, **values)


class Quantize:
    """float32 to int8 or int16."""

    name: ClassVar[str] = "quantize"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.FLOAT32, DType.INT8), (DType.FLOAT32, DType.INT16)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule for float inputs."""
        if graph.inputs_of(node)[0].dtype is not DType.FLOAT32:
            return []
        return _in_place(self.name, node, graph, profile, inputs=_of_bytes(graph.outputs_of(node)[0]))

    def emit(self, *, layer: Layer) -> str:
        """A loop over elements."""
        q = lower(layer.node, layer.graph)
        assert isinstance(q, QuantizeLowering)
        return render(
            "kernels/quantize.c.j2",
            q=q,
            ctype=C_TYPES[layer.output.dtype],
            suffix=SUFFIXES[layer.output.dtype],
            count=elements(layer),
            source=source(layer),
            target=target(layer),
        )


class Dequantize:
    """int8 or int16 to float32."""

    name: ClassVar[str] = "dequantize"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset({(DType.INT8, DType.FLOAT32), (DType.INT16, DType.FLOAT32)})

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule; it runs backwards, so the output may start at the input's address though it is larger."""
        return _in_place(self.name, node, graph, profile, inputs=_of_bytes(graph.inputs_of(node)[0]))

    def emit(self, *, layer: Layer) -> str:
        """A loop over elements, the last one first."""
        return render(
            "kernels/dequantize.c.j2",
            d=lower_dequantize(layer.node, layer.graph),
            ctype=C_TYPES[layer.inputs[0].dtype],
            count=elements(layer),
            source=source(layer),
            target=target(layer),
        )
