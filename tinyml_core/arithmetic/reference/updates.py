"""Updates of integer parameters; docs/arithmetic.md tells the hash behind stochastic rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import MergeChannels, StochasticRound

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]
UInt32 = npt.NDArray[np.uint32]

GREATEST_CHANGE = 1 << 30
"""Magnitude to which values are limited before they are rounded."""
STREAM_STEP = 0x9E3779B9
"""2^32 over the golden ratio: multiples of it lie far apart modulo 2^32, so that seeds of streams do not meet."""


def merge_channels(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`MergeChannels`."""
    op = node.op
    assert isinstance(op, MergeChannels)
    place = (slice(None),) * op.axis + (list(op.channels),)

    def run(inputs: Sequence[Array]) -> Array:
        merged = inputs[0].copy()
        merged[place] = inputs[1]
        return merged

    return run


def saturating_subtract(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`~tinyml_core.graph.operators.SaturatingSubtract`."""
    low, high = graph.outputs_of(node)[0].dtype.limits

    def run(inputs: Sequence[Array]) -> Array:
        parameter, change = inputs
        return np.clip(np.subtract(parameter, change, dtype=np.int64), low, high).astype(parameter.dtype)

    return run


def stochastic_round(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`StochasticRound`: ``floor(x + u)`` of the exact sum, which float32 would have to round."""
    op = node.op
    assert isinstance(op, StochasticRound)

    def run(inputs: Sequence[Array]) -> Array:
        limit = np.float32(GREATEST_CHANGE)
        values = np.where(np.isnan(inputs[0]), np.float32(0), np.clip(inputs[0], -limit, limit))
        uniform = draws(int(inputs[1][0]), op.stream, values.size).reshape(values.shape)
        whole = np.trunc(values)
        rest = values - whole
        return whole.astype(np.int32) + (rest >= np.float32(1) - uniform) - (rest < -uniform)

    return run


def draws(seed: int, stream: int, count: int) -> npt.NDArray[np.float32]:
    """``count`` numbers of 24 bits, uniform in [0, 1), the same for the same ``seed`` and ``stream``."""
    start = mixed(np.array([(seed + STREAM_STEP * (stream + 1)) & 0xFFFFFFFF], np.uint32))
    counter: UInt32 = np.add(start, np.arange(count, dtype=np.uint32), dtype=np.uint32)
    bits = mixed(counter) >> np.uint32(8)
    return np.multiply(bits.astype(np.float32), np.float32(2.0**-24), dtype=np.float32)


def mixed(values: UInt32) -> UInt32:
    """A hash of 32 bits: a bijection, each bit of which depends evenly on all bits of its argument.

    Source: C. Wellons, "Prospecting for hash functions" (2018), ``lowbias32``.
    """
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x7FEB352D)
    values = (values ^ (values >> np.uint32(15))) * np.uint32(0x846CA68B)
    return values ^ (values >> np.uint32(16))
