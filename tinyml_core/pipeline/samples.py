"""Samples: arrays in the source's layout, as users give them, in the layout of the graph's tensors and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph

Array = npt.NDArray[Any]


def samples_for(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """One array [samples, *tensor shape] per graph input, elements as given.

    ``inputs`` holds one array per input (``x`` will do when there is one input), leading axis samples, in the source's
    layout (``graph.axes``).

    Raises:
        InputError: an array is missing or has another shape, or they hold different numbers of samples.
    """
    if len(graph.inputs) == 1 and "x" in inputs and graph.inputs[0] not in inputs:
        inputs = {graph.inputs[0]: inputs["x"]}
    arranged = {}
    for name in graph.inputs:
        if name not in inputs:
            known = ", ".join(repr(each) for each in graph.inputs)
            raise InputError("is missing", place=f"input array {name!r}", remedy=f"give one array for each of {known}")
        array = np.asarray(inputs[name])
        source = _source_shape(graph, name)
        shape = source[1:] if array.shape[1:] == source[1:] and source[:1] == (1,) else source
        if array.ndim != len(shape) + 1 or array.shape[1:] != shape or len(array) == 0:
            raise InputError(
                f"has shape {list(array.shape)}, [samples, {', '.join(map(str, source[1:]))}] is needed",
                place=f"input array {name!r}",
            )
        array = array.reshape(len(array), *source)
        if name in graph.axes:
            array = np.ascontiguousarray(array.transpose(0, *(1 + axis for axis in graph.axes[name])))
        arranged[name] = array
    if len({len(array) for array in arranged.values()}) != 1:
        raise InputError("hold different numbers of samples", place="input arrays")
    return arranged


def to_source(array: Array, graph: Graph, name: str) -> Array:
    """An array whose leading axis counts samples (times the tensor's own leading axis), in the source's layout."""
    if name not in graph.axes:
        return array
    whole = array.reshape(-1, *graph.tensors[name].shape)
    source = np.ascontiguousarray(whole.transpose(0, *(1 + np.argsort(graph.axes[name]))))
    return source.reshape(-1, *_source_shape(graph, name)[1:])


def _source_shape(graph: Graph, name: str) -> tuple[int, ...]:
    shape = graph.tensors[name].shape
    return tuple(shape[index] for index in np.argsort(graph.axes.get(name, range(len(shape)))))
