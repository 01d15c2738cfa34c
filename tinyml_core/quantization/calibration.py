"""Calibration: the ranges that a float graph's tensors take on samples, seen by the reference executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError, InputError
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import DType
from tinyml_core.quantization.ranges import Extremes, Watch
from tinyml_core.quantization.scales import Range

BATCH = 32
"""Samples executed at once: bounds the memory, since every tensor of a batch is kept."""

Array = npt.NDArray[Any]


def observe_ranges(
    graph: Graph,
    samples: Array | Mapping[str, Array],
    *,
    count: int | None = None,
    seed: int = 0,
    watch: Callable[[], Watch] = Extremes,
) -> dict[str, Range]:
    """The range of every float tensor that is no constant, over ``samples`` or over ``count`` drawn by ``seed``.

    ``samples`` is an array [n, ...] of the one input's type, or one for each input by name. ``watch`` makes what
    chooses a tensor's range; by default it is the least and the greatest value.

    Raises:
        GraphError: the graph has several inputs and ``samples`` is one array, or an input has no leading axis of 1.
        InputError: there are no samples, or their shapes are not the graph's.
    """
    arrays = _by_input(graph, samples)
    total = len(next(iter(arrays.values())))
    chosen = np.arange(total)
    if count is not None:
        chosen = np.random.default_rng(seed).permutation(total)[: max(count, 0)]
    if not len(chosen):
        raise InputError("0 samples cannot calibrate a network", remedy="give at least one")
    watches = {
        name: watch() for name, tensor in graph.tensors.items() if tensor.data is None and tensor.dtype is DType.FLOAT32
    }
    together = BATCH if _keeps_samples_apart(graph) else 1
    for first in range(0, len(chosen), together):
        batch = chosen[first : first + together]
        feed = {name: array[batch] for name, array in arrays.items()}
        seen = execute(graph if together == 1 else with_batch(graph, len(batch)), feed, keep=list(watches))
        for name, each in watches.items():
            each.see(seen[name].astype(np.float32, copy=False))
    return {name: each.range() for name, each in watches.items()}


def _keeps_samples_apart(graph: Graph) -> bool:
    """Whether several samples can be executed at once; else they take turns, which gives the same values."""
    try:
        with_batch(graph, BATCH)
    except GraphError:
        return False
    return True


def _by_input(graph: Graph, samples: Array | Mapping[str, Array]) -> Mapping[str, Array]:
    if not isinstance(samples, Mapping):
        if len(graph.inputs) != 1:
            raise GraphError(
                f"has {len(graph.inputs)} inputs, calibration has samples of one", place=f"graph {graph.name!r}"
            )
        samples = {graph.inputs[0]: samples}
    for name in graph.inputs:
        if name not in samples:
            raise InputError("has no samples", place=f"input {name!r}", remedy="give one array for each input")
        shape, given = graph.tensors[name].shape, samples[name].shape
        if shape[:1] != (1,):
            raise GraphError(f"has shape {list(shape)}; a leading axis of 1 is needed", place=f"input {name!r}")
        if given[1:] != shape[1:]:
            raise InputError(
                f"{given[0]} samples of shape {list(given[1:])} cannot calibrate a network that takes "
                f"{list(shape[1:])}",
                remedy="give samples of that shape",
            )  # fmt: skip
    if len({len(samples[name]) for name in graph.inputs}) > 1:
        raise InputError("inputs have different numbers of samples", remedy="give as many for each")
    return {name: samples[name] for name in graph.inputs}
