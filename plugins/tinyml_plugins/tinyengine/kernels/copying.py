"""Operators that only arrange elements, by one kernel: a nest of loops that copies each output element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from tinyml_core.arithmetic.lowering.arrangement import constant_indices
from tinyml_core.arithmetic.lowering.resize import NearestAxis, lower_resize
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Expand, Gather, Pad, Resize, Slice, Tile, Transpose
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule
from tinyml_plugins.tinyengine.constants import literals
from tinyml_plugins.tinyengine.kernel import C_TYPES, UNCHANGED, Layer, Types
from tinyml_plugins.tinyengine.nest import Axis, Nest, nest, strides
from tinyml_plugins.tinyengine.rendering import render
from tinyml_plugins.tinyengine.timing import cycles


class Copying:
    """Copy element by element in the output's order; nothing at all where input and output are the same bytes."""

    name: ClassVar[str] = "copy"
    needs: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[Types] = UNCHANGED

    def candidates(self, node: Node, graph: Graph, profile: HardwareProfile) -> Sequence[Schedule]:
        """One schedule where all positions are known now."""
        loops = NESTS[type(node.op)](node, graph)
        if loops is None:
            return []
        source = graph.inputs_of(node)[0]
        if _is_renaming(loops, source.elements) and source.data is None:
            return [Schedule(kernel=self.name, cycles=0.0, alias=True)]
        tables = sum(4 * len(axis.table) for axis in loops.axes)
        constant = source.bytes if source.data is not None else 0
        estimate = cycles(self.name, profile, outputs=loops.elements)
        return [Schedule(kernel=self.name, cycles=estimate, flash=tables + constant)]

    def emit(self, *, layer: Layer) -> str:
        """The loops; positions of uneven steps stand in tables."""
        loops = NESTS[type(layer.node.op)](layer.node, layer.graph)
        assert loops is not None
        if _is_renaming(loops, layer.inputs[0].elements) and layer.inputs[0].data is None:
            return ""
        *outer, run = loops.axes
        places = [self._place(layer, axis, f"i{index}") for index, axis in enumerate(outer)]
        return render(
            "kernels/copy.c.j2",
            ctype=C_TYPES[layer.output.dtype],
            outer=outer,
            start=" + ".join(["input", *([str(loops.offset)] if loops.offset else []), *filter(None, places)]),
            run=run.size,
            place=self._place(layer, run, "i") or "0",
            source=layer.source(),
            target=layer.target(),
        )

    @staticmethod
    def _place(layer: Layer, axis: Axis, index: str) -> str:
        """C expression of where a step of a loop reads, "" where all steps read the same."""
        if axis.table:
            return f"{layer.constant(f'places_{index}', 'int32_t', literals(axis.table))}[{index}]"
        if not axis.stride:
            return ""
        return index if axis.stride == 1 else f"{index} * {axis.stride}"


def _is_renaming(loops: Nest, elements: int) -> bool:
    return loops.contiguous and loops.offset == 0 and loops.elements == elements


def _transposed(node: Node, graph: Graph) -> Nest:
    op = node.op
    assert isinstance(op, Transpose)
    shape = graph.inputs_of(node)[0].shape
    return nest([Axis(shape[axis], strides(shape)[axis]) for axis in op.axes])


def _sliced(node: Node, graph: Graph) -> Nest:
    op = node.op
    assert isinstance(op, Slice)
    far = strides(graph.inputs_of(node)[0].shape)
    first = sum(start * stride for start, stride in zip(op.starts, far, strict=True))
    return nest([Axis(n, step * stride) for n, step, stride in zip(op.sizes, op.steps, far, strict=True)], first)


def _expanded(node: Node, graph: Graph) -> Nest:
    op = node.op
    assert isinstance(op, Expand)
    shape = graph.inputs_of(node)[0].shape
    whole = (1,) * (len(op.shape) - len(shape)) + shape
    return nest(
        [Axis(n, stride if size == n else 0) for n, size, stride in zip(op.shape, whole, strides(whole), strict=True)]
    )


def _tiled(node: Node, graph: Graph) -> Nest:
    op = node.op
    assert isinstance(op, Tile)
    shape = graph.inputs_of(node)[0].shape
    axes = zip(op.repeats, shape, strides(shape), strict=True)
    return nest([axis for n, size, stride in axes for axis in (Axis(n, 0), Axis(size, stride))])


def _surrounded(node: Node, graph: Graph) -> Nest | None:
    """A pad that repeats or mirrors; one with a constant does not copy all of its output."""
    op = node.op
    assert isinstance(op, Pad)
    if op.mode == "constant":
        return None
    shape = graph.inputs_of(node)[0].shape
    places = [
        np.pad(np.arange(size), pair, mode=op.mode)  # type: ignore[call-overload]
        for size, pair in zip(shape, op.padding, strict=True)
    ]
    return _at(places, strides(shape))


def _gathered(node: Node, graph: Graph) -> Nest | None:
    op = node.op
    assert isinstance(op, Gather)
    indices = constant_indices(node, graph)
    if indices is None:
        return None
    shape = graph.inputs_of(node)[0].shape
    places = [np.arange(size) for size in shape]
    places[op.axis] = indices.ravel()
    return _at(places, strides(shape))


def _nearest(node: Node, graph: Graph) -> Nest | None:
    lowering = lower_resize(node, graph)
    if not isinstance(lowering.rows, NearestAxis) or not isinstance(lowering.columns, NearestAxis):
        return None
    samples, _, _, channels = shape = graph.inputs_of(node)[0].shape
    places = [np.arange(samples), lowering.rows.source, lowering.columns.source, np.arange(channels)]
    return _at(places, strides(shape))


def _at(places: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.int64]]], far: Sequence[int]) -> Nest:
    return nest(
        [Axis(len(along), 0, tuple((along * stride).tolist())) for along, stride in zip(places, far, strict=True)]
    )


NESTS: dict[type[Operator], Callable[[Node, Graph], Nest | None]] = {
    Expand: _expanded,
    Gather: _gathered,
    Pad: _surrounded,
    Resize: _nearest,
    Slice: _sliced,
    Tile: _tiled,
    Transpose: _transposed,
}
"""The nest of each operator; None where the kernel does not do."""
