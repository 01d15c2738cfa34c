"""Kernels that do the same to one row as to the whole: both schedules, and what a layer then reads and writes."""

from __future__ import annotations

from dataclasses import replace

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import Tensor
from tinyml_core.program.rows import by_rows, calls, row_count
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.kernel import Layer


def with_rows(schedule: Schedule, node: Node, graph: Graph, *, state: int = 0) -> list[Schedule]:
    """The schedule and, where the node can be computed by rows, the same row by row."""
    if not by_rows(node, graph):
        return [schedule]
    return [schedule, replace(schedule, rows=True, in_place=(), state=state)]


def source(layer: Layer, index: int = 0) -> str:
    """C expression of what the layer reads: the input, or the row that belongs to ``row``."""
    if not layer.rowwise:
        return layer.source(index)
    return layer.row_source(index, "row" if row_count(layer.inputs[index]) == calls(layer.node, layer.graph) else "0")


def target(layer: Layer, index: int = 0) -> str:
    """C expression of what the layer writes: the output, or its row ``row``."""
    return layer.row_target("row", index) if layer.rowwise else layer.target(index)


def shape(layer: Layer, tensor: Tensor) -> tuple[int, ...]:
    """Shape of what the layer reads or writes of a tensor: NHWC rows have one row."""
    if not layer.rowwise or len(tensor.shape) != 4:
        return tuple(tensor.shape)
    return (tensor.shape[0], 1, *tensor.shape[2:])


def elements(layer: Layer) -> int:
    """Elements that one call writes."""
    return layer.output.elements // (row_count(layer.output) if layer.rowwise else 1)
