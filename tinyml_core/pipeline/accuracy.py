"""Accuracy: the share of samples whose greatest output is the label, computed by the reference executor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.api.dataset import Split
from tinyml_core.arithmetic.executor import ReferenceExecutor
from tinyml_core.arithmetic.quantised import quantise_array
from tinyml_core.graph.graph import Graph


def predictions(graph: Graph, split: Split, advance: Callable[[int], None] = lambda done: None) -> npt.NDArray[Any]:
    """Class numbers [samples] of a network with one input [1, *sample shape] and one output [1, classes].

    Samples are quantised with the input's scale where the network takes integers. Of equal outputs the first counts.
    """
    (source,), (result,) = graph.inputs, graph.outputs
    tensor = graph.tensors[source]
    found, executor = [], ReferenceExecutor(graph)
    for sample in split.x:
        array = sample[np.newaxis]
        outputs = executor.run({source: quantise_array(array, tensor) if tensor.quantization else array})
        found.append(int(outputs[result].argmax()))
        advance(1)
    return np.array(found)


def share_correct(predicted: npt.NDArray[Any], split: Split) -> float:
    """Share of predictions that equal the labels."""
    return float(np.mean(predicted == split.y))
