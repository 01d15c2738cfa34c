"""Step sizes: what a gradient with respect to stored integers is multiplied by, channel by channel.

A weight W stands for ``s_w * W``, so that moving it by ``dL/dW / s_w ** 2`` is what gradient descent does to the real
number; a bias stands for ``s_w * s_x * B``. Source: On-Device Training Under 256KB Memory (Lin et al. 2022), section 2.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tinyml_core.api.optimizer import DEAD_SCALE, Parameter
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Binary

Scaling = Literal["qas", "none"]


def factors(parameter: Parameter, scaling: Scaling, power: int) -> npt.NDArray[np.float32] | None:
    """What broadcasts over ``parameter``: the scale of its integers to ``-power``, or 1; 0 for dead channels.

    None where that is 1 everywhere.
    """
    if parameter.scale is None:
        return None
    weights = np.asarray(parameter.scale, np.float64)
    alive = weights >= DEAD_SCALE
    if scaling == "none":
        values = alive.astype(np.float32)
    else:
        unit = weights * parameter.input_scale if parameter.role == "bias" else weights
        values = np.where(alive, np.where(alive, unit, 1.0) ** -power, 0.0).astype(np.float32)
    if (values == 1).all():
        return None
    shape = [1] * len(parameter.shape)
    shape[parameter.axis] = len(values)
    return values.reshape(shape)


def scaled(builder: GraphBuilder, name: str, handle: str, by: npt.NDArray[Any] | None) -> str:
    """Append ``handle * by``, named ``name``; nothing where ``by`` is None."""
    if by is None:
        return handle
    return builder.node(Binary("multiply"), [handle, builder.constant(f"{name}.factors", by)], name=name)
