"""Weights and biases that change: an integer layer prepared for constants, with the arrays of each run put in.

An int32 bias is limited to +-:data:`FARTHEST_BIAS` first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.linear import FARTHEST_BIAS
from tinyml_core.graph.graph import Graph, Node

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]
Prepare = Callable[[Node, Graph], Run]


def with_variables(preparer: Prepare) -> Prepare:
    """``preparer``, which needs constant weights and biases, for any that the graph computes or is given."""

    def prepare(node: Node, graph: Graph) -> Run:
        variables = [place for place in range(1, len(node.inputs)) if graph.inputs_of(node)[place].data is None]
        if not variables:
            return preparer(node, graph)
        tensors = {name: graph.tensors[name] for name in (*node.inputs, *node.outputs)}
        alone = Graph(graph.name, tensors, (node,), node.inputs, node.outputs, graph.rounding)

        def prepared(arrays: Sequence[Array]) -> Run:
            filled = {
                node.inputs[place]: replace(tensors[node.inputs[place]], data=_limited(array))
                for place, array in zip(variables, arrays, strict=True)
            }
            return preparer(node, replace(alone, tensors={**tensors, **filled}))

        shapes = [tensors[node.inputs[place]] for place in variables]
        prepared([np.zeros(tensor.shape, tensor.dtype.numpy) for tensor in shapes])  # refuses what is not defined
        return lambda inputs: prepared([inputs[place] for place in variables])(inputs)

    return prepare


def _limited(parameter: Array) -> Array:
    return np.clip(parameter, -FARTHEST_BIAS, FARTHEST_BIAS) if parameter.dtype == np.int32 else parameter
