"""Broadcasting: the shape that operands of different shapes share, by NumPy's rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml_core.graph.operator import Broken


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The common shape; raises :class:`~tinyml_core.graph.operator.Broken` when there is none."""
    try:
        return tuple(int(size) for size in np.broadcast_shapes(*(tuple(shape) for shape in shapes)))
    except ValueError:
        told = " and ".join(str(tuple(shape)) for shape in shapes)
        raise Broken(f"shapes {told} do not broadcast") from None
