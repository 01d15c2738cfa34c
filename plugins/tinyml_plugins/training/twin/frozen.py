"""The frozen part of a network: what depends on nothing that learns is computed once for every sample, and kept.

The reference executor computes it, so it is exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.graph.batch import with_batch
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.serialise import digest
from tinyml_core.npz import read_npz, write_npz
from tinyml_core.training.rewriting import pruned

Array = npt.NDArray[Any]
Features = dict[str, Array]
"""Tensor at the border -> its values for every sample, [n, ...]."""
AT_ONCE = 8
"""Samples that are computed together."""


def split(graph: Graph, variables: Collection[str]) -> tuple[Graph, Graph]:
    """``graph`` as (what does not depend on ``variables``, the rest); what the first gives, the second takes first."""
    learning = set(variables)
    for node in graph.nodes:
        if learning.intersection(node.inputs):
            learning.update(node.outputs)
    nodes = tuple(node for node in graph.nodes if not learning.isdisjoint(node.outputs))
    read = dict.fromkeys(name for node in nodes for name in node.inputs)
    border = tuple(name for name in read if name not in learning and graph.tensors[name].data is None)
    sample = tuple(name for name in graph.inputs if name not in variables)
    frozen = tuple(node for node in graph.nodes if learning.isdisjoint(node.outputs))
    rest = tuple(name for name in graph.inputs if name in variables)
    return (
        pruned(replace(graph, name=f"{graph.name}.frozen", nodes=frozen, inputs=sample, outputs=border, axes={})),
        pruned(replace(graph, nodes=nodes, inputs=(*border, *rest), axes={})),
    )


def features(frozen: Graph, samples: Array, cache: Path | None = None) -> Features:
    """The outputs of ``frozen`` for ``samples`` [n, ...], from a file in folder ``cache`` where they are there already.

    Raises:
        InputError: a file cannot be read or written.
    """
    if not frozen.nodes:
        return dict.fromkeys(frozen.outputs, samples)
    file = None
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        content = hashlib.sha256(digest(frozen).encode())
        content.update(np.ascontiguousarray(samples).tobytes())
        file = cache / f"{content.hexdigest()[:32]}.npz"
        if file.exists():
            return read_npz(file, frozen.outputs)
    found = _computed(frozen, samples)
    if file is not None:
        write_npz(file, found)
    return found


def _computed(frozen: Graph, samples: Array) -> Features:
    executors: dict[int, ReferenceExecutor] = {}
    parts = []
    for first in range(0, len(samples), AT_ONCE):
        some = samples[first : first + AT_ONCE]
        if len(some) not in executors:
            executors[len(some)] = ReferenceExecutor(with_batch(frozen, len(some)))
        parts.append(executors[len(some)].run({frozen.inputs[0]: some}))
    return {name: np.concatenate([part[name] for part in parts]) for name in frozen.outputs}
