"""Kernels that arrange elements of any type; none computes with them, but for bilinear resizing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.arrangement import constant_indices, require_unchanged
from tinyml_core.arithmetic.lowering.resize import FRACTION_BITS, BilinearAxis, NearestAxis, lower_resize
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Concat, Expand, Gather, Slice, Split, Tile, Transpose

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]


def transpose(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Transpose`."""
    op = node.op
    assert isinstance(op, Transpose)
    require_unchanged(node, graph)
    return lambda inputs: np.array(inputs[0].transpose(op.axes), order="C")


def concat(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Concat`."""
    op = node.op
    assert isinstance(op, Concat)
    require_unchanged(node, graph)
    return lambda inputs: np.concatenate(list(inputs), axis=op.axis)


def split(node: Node, graph: Graph) -> Callable[[Sequence[Array]], tuple[Array, ...]]:
    """Prepare a :class:`Split`; the kernel returns one array for each piece."""
    op = node.op
    assert isinstance(op, Split)
    require_unchanged(node, graph)
    borders = np.cumsum(op.sizes)[:-1].tolist()
    return lambda inputs: tuple(piece.copy() for piece in np.split(inputs[0], borders, axis=op.axis))


def slice_(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Slice`."""
    op = node.op
    assert isinstance(op, Slice)
    require_unchanged(node, graph)
    positions = [
        start + step * np.arange(size) for start, size, step in zip(op.starts, op.sizes, op.steps, strict=True)
    ]
    return lambda inputs: inputs[0][np.ix_(*positions)].copy(order="C") if positions else inputs[0].copy()


def gather(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Gather`; an index that the device got and that leaves the axis means its nearest end."""
    op = node.op
    assert isinstance(op, Gather)
    require_unchanged(node, graph)
    constant_indices(node, graph)  # refuses what is known to lie outside
    size = graph.inputs_of(node)[0].shape[op.axis]

    def run(inputs: Sequence[Array]) -> Array:
        source, indices = inputs[0], inputs[1].astype(np.int64)
        counted = np.where(indices < 0, indices + size, indices)
        return np.asarray(np.take(source, np.clip(counted, 0, size - 1), axis=op.axis))

    return run


def expand(node: Node, graph: Graph) -> Run:
    """Prepare an :class:`Expand`."""
    op = node.op
    assert isinstance(op, Expand)
    require_unchanged(node, graph)
    return lambda inputs: np.broadcast_to(inputs[0], op.shape).copy()


def tile(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Tile`."""
    op = node.op
    assert isinstance(op, Tile)
    require_unchanged(node, graph)
    return lambda inputs: np.tile(inputs[0], op.repeats)


def resize(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`~tinyml_core.graph.operators.Resize`."""
    lowering = lower_resize(node, graph)
    rows, columns = lowering.rows, lowering.columns
    if isinstance(rows, NearestAxis) and isinstance(columns, NearestAxis):
        nearest = np.ix_(rows.source, columns.source)
        return lambda inputs: inputs[0][:, nearest[0], nearest[1]].copy(order="C")
    assert isinstance(rows, BilinearAxis)
    assert isinstance(columns, BilinearAxis)
    corners = [
        (y[:, None], x, y_share[:, None, None], x_share[:, None])
        for x, x_share in ((columns.lower, columns.lower_share), (columns.upper, columns.upper_share))
        for y, y_share in ((rows.lower, rows.lower_share), (rows.upper, rows.upper_share))
    ]

    def run(inputs: Sequence[Array]) -> Array:
        (image,) = inputs
        exact = image.dtype if image.dtype == np.float32 else np.dtype(np.int64)
        parts = [image[:, y, x].astype(exact) * y_share * x_share for y, x, y_share, x_share in corners]
        total = parts[0] + parts[1] + parts[2] + parts[3]
        if image.dtype == np.float32:
            return np.asarray(total)
        half = np.int64(1) << (2 * FRACTION_BITS - 1)  # halves away from zero
        rounded: Array = np.sign(total) * ((np.abs(total) + half) >> (2 * FRACTION_BITS))
        return rounded.astype(image.dtype)

    return run
