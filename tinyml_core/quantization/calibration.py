"""Calibration: the ranges that a float graph's tensors take on samples, seen by the reference executor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import GraphError, InputError
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.graph import Graph
from tinyml_core.quantization.scales import Range

BATCH = 32
"""Samples executed at once: bounds the memory, since every tensor of a batch is kept."""


def observe_ranges(
    graph: Graph,
    samples: npt.NDArray[np.float32],
    *,
    count: int | None = None,
    seed: int = 0,
    percentile: float = 100.0,
) -> dict[str, Range]:
    """Least and greatest value of every variable tensor over ``samples`` [n, ...], or over ``count`` drawn by ``seed``.

    With a ``percentile`` below 100 the tails are cut: that percentile and its mirror image, averaged over batches of
    :data:`BATCH` samples, which withstands outliers.

    Raises:
        GraphError: the graph has several inputs.
        InputError: there are no samples, their shape is not the graph's, or an option makes no sense.
    """
    if len(graph.inputs) != 1:
        raise GraphError(f"has {len(graph.inputs)} inputs, calibration feeds one", place=f"graph {graph.name!r}")
    if not 50 < percentile <= 100:
        raise InputError(f"{percentile} cuts everything", place="percentile", remedy="give more than 50, at most 100")
    if count is not None:
        samples = samples[np.random.default_rng(seed).permutation(len(samples))[: max(count, 0)]]
    shape = graph.tensors[graph.inputs[0]].shape
    if not len(samples) or samples.shape[1:] != shape[1:]:
        raise InputError(
            f"{len(samples)} samples of shape {list(samples.shape[1:])} cannot calibrate a network that takes "
            f"{list(shape[1:])}",
            remedy="give at least one sample of that shape",
        )
    names = [name for name, tensor in graph.tensors.items() if tensor.data is None]
    batches: list[dict[str, Range]] = []
    for first in range(0, len(samples), BATCH):
        batch = samples[first : first + BATCH]
        seen = execute(with_batch(graph, len(batch)), {graph.inputs[0]: batch}, keep=names)
        batches.append({name: _range(seen[name], percentile) for name in names})
    lower, upper = (np.min, np.max) if percentile >= 100 else (np.mean, np.mean)
    return {
        name: (float(lower([b[name][0] for b in batches])), float(upper([b[name][1] for b in batches])))
        for name in names
    }


def _range(values: npt.NDArray[np.generic], percentile: float) -> Range:
    if percentile >= 100:
        return float(values.min()), float(values.max())
    low, high = np.percentile(values.astype(np.float64), (100 - percentile, percentile))
    return float(low), float(high)
