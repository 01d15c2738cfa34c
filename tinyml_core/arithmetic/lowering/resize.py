"""Lowering of resize: for every output row and column, which input pixels it reads and how much of each.

Source: TensorFlow Lite's ``resize_nearest_neighbor.h`` and ``resize_bilinear.h``: coordinates are float32, those of
quantised bilinear images integers with ten fractional bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.arrangement import require_unchanged
from tinyml_core.arithmetic.lowering.requantisation import place_of
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Resize
from tinyml_core.graph.tensor import DType

Positions = npt.NDArray[np.int64]
FRACTION_BITS = 10


@dataclass(frozen=True, eq=False)
class NearestAxis:
    """The one input position that each output position along an axis reads."""

    source: Positions


@dataclass(frozen=True, eq=False)
class BilinearAxis:
    """The two input positions that each output position along an axis reads, and the share of each.

    Shares are float32 and add up to 1, or integers that add up to ``2**FRACTION_BITS``; beyond the first pixel's middle
    the lower one is more than the whole and the upper one negative, both of the same pixel.
    """

    lower: Positions
    upper: Positions
    lower_share: npt.NDArray[np.generic]
    upper_share: npt.NDArray[np.generic]


@dataclass(frozen=True)
class ResizeLowering:
    """What the rows and the columns of a :class:`Resize` read."""

    rows: NearestAxis | BilinearAxis
    columns: NearestAxis | BilinearAxis


def lower_resize(node: Node, graph: Graph) -> ResizeLowering:
    """Lower a :class:`Resize` of any type.

    Raises:
        UnsupportedError: input and output have different scales, or a type cannot be interpolated.
    """
    op = node.op
    assert isinstance(op, Resize)
    require_unchanged(node, graph)
    (source,) = graph.inputs_of(node)
    axes: list[NearestAxis | BilinearAxis] = []
    for size, whole in zip(op.size, source.shape[1:3], strict=True):
        if op.method == "nearest":
            axes.append(_nearest(op, whole, size))
        elif source.dtype is DType.FLOAT32:
            axes.append(_bilinear(op, whole, size))
        elif source.dtype in (DType.INT8, DType.UINT8, DType.INT16):
            axes.append(_integer_bilinear(op, whole, size))
        else:
            raise UnsupportedError(f"interpolates no {source.dtype.value}", place=place_of(node))
    return ResizeLowering(axes[0], axes[1])


def _scale(op: Resize, whole: int, size: int) -> np.float32:
    if op.coordinates == "align_corners" and size > 1:
        return np.float32(whole - 1) / np.float32(size - 1)
    return np.float32(whole) / np.float32(size)


def _nearest(op: Resize, whole: int, size: int) -> NearestAxis:
    half = np.float32(0.5)
    outputs = np.arange(size, dtype=np.float32)
    if op.coordinates == "half_pixel":
        edges = (outputs + half) * _scale(op, whole, size)  # half a pixel beyond the coordinate
        chosen = {
            "floor": np.floor(edges - half),
            "ceil": np.ceil(edges - half),
            "half_down": np.ceil(edges) - 1,
            "half_up": np.floor(edges),
        }[op.rounding]
    else:
        places = outputs * _scale(op, whole, size)
        chosen = {
            "floor": np.floor(places),
            "ceil": np.ceil(places),
            "half_down": np.ceil(places.astype(np.float64) - 0.5),
            "half_up": np.floor(places.astype(np.float64) + 0.5),
        }[op.rounding]
    return NearestAxis(np.clip(chosen.astype(np.int64), 0, whole - 1))


def _bilinear(op: Resize, whole: int, size: int) -> BilinearAxis:
    half, one = np.float32(0.5), np.float32(1)
    outputs, scale = np.arange(size, dtype=np.float32), _scale(op, whole, size)
    places = (outputs + half) * scale - half if op.coordinates == "half_pixel" else outputs * scale
    lower = np.clip(np.floor(places).astype(np.int64), 0, whole - 1)
    upper = np.minimum(np.ceil(places).astype(np.int64), whole - 1)
    share = places - lower.astype(np.float32)
    return BilinearAxis(lower, np.maximum(upper, 0), one - share, share)


def _integer_bilinear(op: Resize, whole: int, size: int) -> BilinearAxis:
    unit = 1 << FRACTION_BITS
    scale = (unit * whole + size // 2) // size
    if op.coordinates == "align_corners" and size > 1:
        scale = (unit * (whole - 1) + (size - 1) // 2) // (size - 1)
    places = np.arange(size, dtype=np.int64) * scale
    if op.coordinates == "half_pixel":
        places += scale // 2 - unit // 2
    # The scale is rounded, so that the last places of a large image may lie beyond it.
    lower = np.clip(places >> FRACTION_BITS, 0, whole - 1)
    upper = np.clip((places + unit - 1) >> FRACTION_BITS, 0, whole - 1)
    share = places - unit * lower
    return BilinearAxis(lower, upper, unit - share, share)
