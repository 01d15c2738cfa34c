"""Columns with variables: filters in flash whose biases are added to the sums, and filters packed at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import hexadecimal, literals
from tinyml_plugins.tinyengine.kernel import Layer
from tinyml_plugins.tinyengine.kernels import variable_tables
from tinyml_plugins.tinyengine.kernels.variable_tables import WORD, Tables
from tinyml_plugins.tinyengine.timing import cycles

if TYPE_CHECKING:
    from tinyml_plugins.tinyengine.kernels.columns import Filters

PART = 16
"""Filters packed at a time, by kernels that do so."""
MOST_TAPS = (1 << 15) - 1
"""That the order of the taps of a filter can name."""


def scheduled(
    schedules: Sequence[Schedule], node: Node, graph: Graph, profile: HardwareProfile, filters: Filters
) -> list[Schedule]:
    """``schedules`` with what variables add to them; none for variable filters that are wide or too large."""
    lowering, channels = filters.lowering, filters.g.out_channels
    if lowering.variable and (filters.wide or filters.taps.shape[1] > MOST_TAPS):
        return []
    if lowering.variable_weights:
        size = _packed_bytes(filters)
        return variable_tables.scheduled(schedules, node, graph, profile, tables=0, filters=size, made="variable_pairs")
    return variable_tables.scheduled(schedules, node, graph, profile, tables=WORD * channels)


def table(tables: Tables, filters: Filters) -> str:
    """C expression of a pointer to the ``tinyml_filters``."""
    layer, lowering = tables.layer, tables.lowering
    if lowering.variable_weights:
        return _packed(tables, filters)
    weights = layer.constant("weights", "uint32_t", hexadecimal(filters.words()))
    initialiser = f"{{{weights}, {_list(filters.members)}}}"
    if not lowering.variable_bias:
        return layer.constant("filters", "tinyml_filters", [initialiser])
    biases = tables.place(WORD * filters.g.out_channels)
    tables.statements.append(f"tinyml_variable_biases({biases}, {tables.biases}, {filters.g.out_channels});")
    if not filters.biased:
        tables.declarations.append(f"const int32_t *const biases = {biases};")
        return layer.constant("filters", "tinyml_filters", [initialiser])
    tables.declarations.append(f"const tinyml_biased_filters biased = {{{initialiser}, {biases}}};")
    return "&biased.filters"


def parts_schedule(kernel: str, whole: Schedule, filters: Filters, profile: HardwareProfile) -> Schedule:
    """The schedule ``whole`` of a pointwise layer with variable weights, :data:`PART` filters at a time."""
    g = filters.g
    again = cycles(
        f"columns_{filters.end}", profile, gathered=(-(-g.out_channels // PART) - 1) * g.pixels * filters.window.depth
    )
    saved = _packed_bytes(filters) - _packed_bytes(filters, PART)
    scratch = whole.scratch - saved + WORD
    return replace(whole, kernel=kernel, cycles=whole.cycles + again, scratch=scratch, in_place=())


def emit_parts(layer: Layer, filters: Filters) -> str:
    """The statements of a layer whose filters are packed a part at a time."""
    tables = Tables(layer, filters.lowering)
    place = tables.place(_packed_bytes(filters, PART))
    pairs = _pairs(tables, filters)
    scratch = f"{layer.scratch('int16_t')} + 2"  # a word in front of the columns has the channels of the part
    arguments = ("&filters", "&pairs", place, PART, layer.source(), layer.target(), filters.g.pixels, scratch)
    return (
        f"    {pairs}\n"
        f"    const tinyml_filters filters = {{0, {_list(filters.members)}}};\n\n"
        f"    tinyml_parts_{filters.end}({_list(arguments)});\n"
    )


def _packed(tables: Tables, filters: Filters) -> str:
    """Filters made by ``tinyml_pack_pairs``."""
    place = tables.place(_packed_bytes(filters))
    tables.statements += [_pairs(tables, filters), f"tinyml_pack_pairs({place}, &pairs);"]
    tables.declarations.append(f"const tinyml_filters packed = {{{place}, {_list(filters.members)}}};")
    return "&packed"


def _pairs(tables: Tables, filters: Filters) -> str:
    """The declaration of what ``tinyml_pack_pairs`` needs."""
    layer, g, end = tables.layer, filters.g, filters.end
    around = filters.words(taps=False)
    values = (
        tables.weights,
        tables.biases,
        layer.constant("around", "uint32_t", hexadecimal(around)),
        layer.constant("order", "int16_t", literals(np.array(filters.window.order))),
        g.out_channels,
        filters.taps.shape[1],
        filters.window.depth // 2,
        filters.window.groups,
        2 if filters.window.back else 0,
        filters.window.runs,
        len(around) // (-(-g.out_channels // 2)) - 2,
        filters.lowering.input_zero_point,
        int(g.out_channels % 2 and end != "sums"),
    )
    return f"const tinyml_variable_pairs pairs = {{{_list(values)}}};"


def _packed_bytes(filters: Filters, channels: int = 0) -> int:
    """Of that many filters, of all where there are not as many."""
    pairs = -(-filters.g.out_channels // 2)
    pair = len(filters.words(taps=False)) // pairs + filters.window.depth // 2
    return WORD * pair * (min(channels // 2, pairs) if channels else pairs)


def _list(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
