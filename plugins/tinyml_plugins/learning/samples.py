"""Samples of a dataset as a network takes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_core.api.dataset import Split
from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import Array, DType


def drawn(graph: Graph, split: Split, count: int, seed: int) -> tuple[Array, npt.NDArray[np.int64]]:
    """``count`` samples [n, ...] in the type of the input of ``graph``, drawn by ``seed``, and their classes [n].

    Raises:
        InputError: the samples do not suit the network.
    """
    source = graph.tensors[graph.inputs[0]]
    if len(graph.inputs) != 1 or (1, *split.x.shape[1:]) != source.shape:
        wanted = ", ".join(str(list(graph.tensors[name].shape)) for name in graph.inputs)
        raise InputError(f"takes {wanted}, samples are {list(split.x.shape[1:])}", place=f"network {graph.name!r}")
    chosen = np.random.default_rng(seed).permutation(len(split))[:count]
    x = split.x[chosen]
    return x if source.dtype is DType.FLOAT32 else quantise_array(x, source), split.y[chosen]
