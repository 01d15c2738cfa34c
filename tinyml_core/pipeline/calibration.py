"""Calibration: a float graph becomes an int8 one, its scales chosen from samples the user gives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinyml_core.api.dataset import Dataset, Split
from tinyml_core.api.quantizer import Quantizer
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import DType, Tensor
from tinyml_core.pipeline.samples import Array, samples_for

PLACE = "calibration"
SEED = 0
"""Of the quantiser's choice among the samples."""


def calibrated(graph: Graph, samples: Mapping[str, Array], quantizer: Quantizer) -> Graph:
    """The int8 form of ``graph``, from which batch normalisation must have been folded.

    ``samples`` holds one array for each of the graph's inputs (``x`` will do where there is one), leading axis samples,
    in the source's layout. The labels of the data set that the quantiser gets are all 0: there are none.

    Raises:
        InputError: the graph is quantised already, or an array does not suit or is no finite numbers.
        GraphError: the quantiser knows no int8 form of a node.
    """
    quantised = next((name for name, tensor in graph.tensors.items() if tensor.quantization is not None), None)
    if quantised is not None:
        raise InputError(
            f"the network is quantised already (tensor {quantised!r})", place=PLACE, remedy="leave out the calibration"
        )
    if all(graph.tensors[name].dtype is not DType.FLOAT32 for name in graph.inputs):
        names = ", ".join(f"{name!r} is {graph.tensors[name].dtype.value}" for name in graph.inputs)
        raise InputError(f"only float networks can be quantised, and input {names}", place=PLACE)
    try:
        arrays = samples_for(graph, samples)
    except InputError as error:
        raise InputError(error.problem, place=f"{PLACE}, {error.place}", remedy=error.remedy) from None
    arrays = {name: _typed(array, graph.tensors[name]) for name, array in arrays.items()}
    first = arrays[graph.inputs[0]]
    split = Split(first, np.zeros(len(first), np.int64), arrays if len(arrays) > 1 else {})
    return quantizer.quantize(graph, Dataset(PLACE, ("unlabelled",), split, split, split), SEED)


def _typed(array: Array, tensor: Tensor) -> Array:
    """``array`` in the type of the input ``tensor``, one leading axis for samples."""
    place = f"{PLACE}, input array {tensor.name!r}"
    if tensor.dtype is DType.FLOAT32:
        if not (np.abs(array) <= np.finfo(np.float32).max).all():
            raise InputError("holds values that are no finite float32", place=place)
    elif not np.can_cast(array.dtype, tensor.dtype.numpy):
        raise InputError(f"holds {array.dtype} where the network takes {tensor.dtype.value}", place=place)
    if tensor.shape[:1] != (1,):
        raise InputError(f"the network takes {list(tensor.shape)}; a leading axis of 1 is needed", place=place)
    return array.reshape(len(array), *tensor.shape[1:]).astype(tensor.dtype.numpy)
