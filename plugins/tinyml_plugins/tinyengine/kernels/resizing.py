"""Bilinear resizing; the nearest neighbour is a copy, see :mod:`~tinyml_plugins.tinyengine.kernels.copying`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.resize import FRACTION_BITS, BilinearAxis, lower_resize
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import DType
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.kernel import C_TYPES, Layer, Types
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles

SUMS = {DType.FLOAT32: "float", DType.INT8: "int32_t", DType.UINT8: "int32_t", DType.INT16: "int64_t"}
"""Where the four corners of each type add up without overflow."""


class Bilinear:
    """Four corners by two shares, which stand in tables by row and by column."""

    name: ClassVar[str] = "bilinear"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = frozenset((dtype, dtype) for dtype in SUMS)

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule."""
        (output,) = graph.outputs_of(node)
        if not isinstance(lower_resize(node, graph).rows, BilinearAxis):
            return []
        estimate = cycles(self.name, profile, outputs=output.elements)
        return [Schedule(kernel=self.name, cycles=estimate, flash=4 * 4 * (output.shape[1] + output.shape[2]))]

    def emit(self, *, layer: Layer) -> str:
        """Loops over output rows, columns and channels."""
        lowering = lower_resize(layer.node, layer.graph)
        rows, columns = lowering.rows, lowering.columns
        assert isinstance(rows, BilinearAxis)
        assert isinstance(columns, BilinearAxis)
        samples, height, width, channels = layer.inputs[0].shape
        stride, sums = width * channels, SUMS[layer.output.dtype]
        share = "float" if sums == "float" else "int32_t"
        return render(
            "kernels/bilinear.c.j2",
            ctype=C_TYPES[layer.output.dtype],
            sums=sums,
            share=share,
            bits=2 * FRACTION_BITS,
            samples=samples,
            image=height * stride,
            shape=layer.output.shape,
            rows=layer.constant("rows", "int32_t", _pairs(rows.lower * stride, rows.upper * stride)),
            columns=layer.constant("columns", "int32_t", _pairs(columns.lower * channels, columns.upper * channels)),
            row_shares=layer.constant("row_shares", share, _pairs(rows.lower_share, rows.upper_share)),
            column_shares=layer.constant("column_shares", share, _pairs(columns.lower_share, columns.upper_share)),
            source=layer.source(),
            target=layer.target(),
        )


def _pairs(lower: npt.NDArray[np.generic], upper: npt.NDArray[np.generic]) -> list[str]:
    return literals(np.stack([lower, upper], axis=1))
