"""Columns: convolutions and dense layers on cores with SMLAD, two filters by four pixels at a time.

The windows of four pixels are widened to int16 in scratch, then all filters are applied to them by the functions of
``tinyml_filters.h``. Since four windows are read before anything is written, a pointwise layer can write over its input
when it has no more output than input channels, or when one group of pixels is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.geometry import Geometry
from tinyml_plugins.tinyengine.kernel import Layer
from tinyml_plugins.tinyengine.kernels import variable_columns
from tinyml_plugins.tinyengine.kernels.variable_tables import Tables
from tinyml_plugins.tinyengine.packing import Window, pack
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.requantiser import CHANNEL_BYTES, Requantiser, folded_bias, linear_requantiser
from tinyml_plugins.tinyengine.timing import cycles
from tinyml_plugins.tinyengine.variables import LayerLowering, lower_layer

LANES = 4
LANE_COSTS = {2: 1.1, 1: 1.45}
"""Instructions of a lane by the lanes computed together, as a multiple of those of one of four."""
WIDE_COST = 0.85
"""Instructions of a product by a weight of int16, as a multiple of those by one of int8."""
WINDOW_COST = 2.0
"""Instructions to gather a tap of a window, as a multiple of those for a tap of contiguous pixels."""
FILTERS_BYTES = 32
"""Flash of a ``tinyml_filters``."""
FARTHEST_SHIFT = 22
"""To the right, for which the zero point, shifted, and half a unit stay below 2**30."""

End = Literal["single", "tflite", "sums"]
"""How the sums of a layer end: see ``tinyml_filters.h``."""
BEHIND: dict[End, int] = {"single": 2, "tflite": 3, "sums": 0}
"""Words behind the taps of a pair of filters: mantissas, then a byte of each shift to the right, but one."""


@dataclass(frozen=True)
class Filters:
    """A convolution or dense layer as integers; a dense layer's rows are the pixels of a pointwise one."""

    g: Geometry
    lowering: LayerLowering
    wide: bool = False
    """Whether weights are kept as int16."""

    @property
    def taps(self) -> npt.NDArray[np.int8]:
        """[channels, taps]."""
        return self.lowering.weights.reshape(self.g.out_channels, -1)

    @property
    def window(self) -> Window:
        """The runs of a window: rows of its taps, those beside each other copied together where they are spread."""
        return Window(self.g.kernel[0], self.g.kernel[1] * self.g.channels)

    @property
    def requantiser(self) -> Requantiser:
        """What turns sums into activations where the end is ``sums``."""
        return linear_requantiser(self.lowering, self.taps)

    @property
    def end(self) -> End:
        """The fastest end that is exact for what the sums can reach."""
        to = self.lowering.requantisation
        if self.g.out_channels == 1 or (to.low, to.high) != (-128, 127):
            return "sums"
        if to.by.rounding is Rounding.SINGLE:
            return "sums" if any(to.by.shift) else "single"
        near = all(-FARTHEST_SHIFT <= shift < 0 for shift in to.by.shift)
        return "tflite" if near and self.requantiser.reach < 1 << 30 else "sums"

    @property
    def members(self) -> tuple[int, ...]:
        """Those of ``tinyml_filters`` behind the weights."""
        g, window = self.g, self.window
        zero_point = self.lowering.requantisation.zero_point
        return (
            g.out_channels, window.depth // 2, 2 * zero_point + 1 if self.end == "tflite" else zero_point,
            window.groups, window.back, window.runs, g.channels,
        )  # fmt: skip

    @property
    def biased(self) -> bool:
        """Whether biases that vary are added to the sums of constant weights, before the end."""
        return self.lowering.variable_bias and not self.lowering.variable_weights and self.end != "sums"

    @property
    def copied(self) -> bool:
        """Whether no row of a window's taps lies in the image as it is: too long, or with others in between."""
        return self.g.kernel[1] > self.g.width or (self.g.dilation[1] > 1 and self.g.kernel[1] > 1)

    def contiguous(self, rows: bool) -> bool:
        """Whether pixels follow each other in memory as the windows do: those of a row, or all."""
        across = self.g.stride[1] == 1 if rows else self.g.stride == (1, 1)
        return self.g.pointwise and across and self.end != "sums" and self.g.channels >= LANES

    def words(self, *, taps: bool = True) -> npt.NDArray[np.uint32]:
        """The weights of ``tinyml_filters``; only what is around them without ``taps``."""
        bias, by, end = folded_bias(self.lowering, self.taps), self.lowering.requantisation.by, self.end
        mantissa, shift = (np.broadcast_to(np.array(each, np.int32), bias.shape) for each in (by.mantissa, by.shift))
        rows = list(range(len(bias)))
        if len(bias) % 2:  # the dummy, whose output the next filters overwrite; sums have room for it at the end
            rows.insert(len(bias) if end == "sums" else 1, -1)
        filters, bias, mantissa, shift = (
            np.concatenate([part, np.zeros_like(part[:1])])[rows] for part in (self.taps, bias, mantissa, shift)
        )
        behind = mantissa.reshape(-1, 2)
        if end == "tflite":
            but_one = np.maximum(-shift - 1, 0).reshape(-1, 2)
            behind = np.column_stack([behind, but_one @ [1, 1 << 8]])
        order = self.window.order if taps else []
        return pack(filters, order, bias.reshape(-1, 2), behind[:, : BEHIND[end]], wide=self.wide)

    def scratch(self, rows: bool) -> Scratch:
        """The scratch of the layer, by rows or whole."""
        pixels = self.g.out_width if rows else self.g.pixels
        lanes = LANES if pixels >= LANES else 2 if pixels >= 2 else 1
        edged = self.g.padded_columns or self.copied
        return Scratch(
            2 * lanes * self.window.depth,
            4 * lanes * (self.g.out_channels + self.g.out_channels % 2) if self.end == "sums" else 0,
            min(pixels, LANES) * self.window.runs * self.window.length if edged else 0,
        )


@dataclass(frozen=True)
class Scratch:
    """Bytes of scratch, one part after the other."""

    columns: int
    sums: int
    edges: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.columns + self.sums + self.edges


def filters_of(node: Node, graph: Graph, g: Geometry, *, wide: bool) -> Filters:
    """The filters of a convolution, or of a dense layer as a pointwise convolution of geometry ``g``."""
    return Filters(g, lower_layer(node, graph), wide)


def schedule(kernel: str, filters: Filters, profile: HardwareProfile, *, rows: bool) -> Schedule:
    """What the layer needs."""
    g, window = filters.g, filters.window
    pair = 8 + (4 if filters.wide else 2) * window.depth + 4 * BEHIND[filters.end]
    flash = -(-g.out_channels // 2) * pair + FILTERS_BYTES
    if g.padded_rows:
        flash += window.length
    if filters.end == "sums":
        flash += g.out_channels * CHANNEL_BYTES[filters.requantiser.channel_type]
    together = g.pixels in (1, 2, LANES)
    in_place = not rows and g.pointwise and g.stride == (1, 1) and (g.out_channels <= g.channels or together)
    times, pixels = (g.out_height, g.out_width) if rows else (1, g.pixels)
    alone = [count for count in (2, 1) if pixels & count]
    worth = times * (pixels // LANES * LANES + sum(count * LANE_COSTS[count] for count in alone))
    gathered = g.pixels * window.depth * (1.0 if filters.contiguous(rows) else WINDOW_COST)
    spent = cycles(
        f"columns_{filters.end}",
        profile,
        macs=worth * g.out_channels * window.depth * (WIDE_COST if filters.wide else 1.0),
        outputs=worth * g.out_channels,
        gathered=gathered,
    )
    if filters.biased:
        spent += cycles("variable_sums", profile, outputs=worth * g.out_channels)
    return Schedule(
        kernel=kernel,
        cycles=spent,
        scratch=filters.scratch(rows).total + (4 if filters.biased else 0),
        in_place=(0,) if in_place else (),
        flash=flash,
        rows=rows,
    )


def emit(layer: Layer, filters: Filters) -> str:
    """The statements of the layer's function."""
    g, window, end = filters.g, filters.window, filters.end
    suffix = "_wide" if filters.wide else ""
    tables = Tables(layer, filters.lowering)
    table = variable_columns.table(tables, filters)
    scratch = layer.scratch("int16_t")
    if filters.biased:  # a word in front of the columns tells where the biases are
        scratch, suffix = f"{scratch} + 2", "_biased"
    if filters.contiguous(layer.rowwise):
        row = "row" if g.stride[0] == 1 else f"row * {g.stride[0]}"
        return tables.prologue + render(
            "kernels/pixels.c.j2",
            end=end + suffix,
            filters=table,
            source=layer.row_source(0, row) if layer.rowwise else layer.source(),
            target=layer.row_target("row") if layer.rowwise else layer.target(),
            rowless=layer.rowwise and g.height == g.out_height == 1,
            pixels=g.out_width if layer.rowwise else g.pixels,
            scratch=scratch,
        )
    activation, channels, padding = filters.requantiser, "", ""
    if end == "sums":
        bias = np.zeros_like(filters.lowering.bias)  # the sums have it
        channels = layer.constant("channels", activation.channel_type, activation.channels(bias))
    if g.padded_rows:
        zeros = np.full(window.length, filters.lowering.input_zero_point)
        padding = layer.constant("padding", "int8_t", literals(zeros))
    return tables.prologue + render(
        "kernels/windows.c.j2",
        g=g,
        layer=layer,
        window=window,
        end=end,
        suffix=suffix,
        copied=filters.copied,
        filters=table,
        activation=activation,
        channels=channels,
        padding=padding,
        added=end == "sums" and filters.lowering.variable_bias and not filters.lowering.variable_weights,
        scratch=scratch,
        places=filters.scratch(layer.rowwise),
        zero=filters.lowering.input_zero_point,
    )
