"""Calibration: a float graph becomes an int8 one, its scales chosen from samples the user gives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import DType
from tinyml_core.pipeline.samples import Array, samples_for

PLACE = "calibration"
SEED = 0
"""Of the quantiser's choice among the samples."""


def calibrated(graph: Graph, samples: Mapping[str, Array], quantizer: Quantizer) -> Graph:
    """The int8 form of ``graph``, from which batch normalisation must have been folded.

    ``samples`` holds one array for the graph's input (or ``x``), leading axis samples, in the source's layout. The
    labels of the data set that the quantiser gets are all 0: there are none.

    Raises:
        InputError: the graph is quantised already, or an array does not suit or is no finite numbers.
        UnsupportedError: the graph has several inputs.
        GraphError: the quantiser knows no int8 form of a node.
    """
    quantised = next((name for name, tensor in graph.tensors.items() if tensor.quantization is not None), None)
    if quantised is not None:
        raise InputError(
            f"the network is quantised already (tensor {quantised!r})", place=PLACE, remedy="leave out the calibration"
        )
    if len(graph.inputs) != 1:
        raise UnsupportedError(
            f"the network has {len(graph.inputs)} inputs, networks of one can be quantised here", place=PLACE,
            remedy="quantise it with onnxruntime before the import",
        )  # fmt: skip
    (name,) = graph.inputs
    if graph.tensors[name].dtype is not DType.FLOAT32:
        raise InputError(
            f"input {name!r} is {graph.tensors[name].dtype.value}, only float networks can be quantised", place=PLACE
        )
    try:
        array = samples_for(graph, samples)[name]
    except InputError as error:
        raise InputError(error.problem, place=f"{PLACE}, {error.place}", remedy=error.remedy) from None
    if not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise InputError("holds values that are no finite float32", place=f"{PLACE}, input array {name!r}")
    array = array.reshape(len(array), *graph.tensors[name].shape[1:]).astype(np.float32)
    split = Split(array, np.zeros(len(array), np.int64))
    return quantizer.quantize(graph, Dataset(PLACE, ("unlabelled",), split, split, split), SEED)
