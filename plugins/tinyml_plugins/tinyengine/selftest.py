"""The known-answer test: one input that a few instructions generate, and the output the reference computes for it.

A board that links and calls it learns in one line whether it computes what the laptop did; what does not call it loses
the file at link time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph.graph import Graph
from tinyml_core.graph.tensor import DType, Tensor

Array = npt.NDArray[np.generic]

MULTIPLIER, INCREMENT = 1664525, 1013904223
"""A linear congruential generator modulo 2**32 (Numerical Recipes, 2nd edition, section 7.1), whose highest bytes are
the input."""
FLOAT_STEP = 0.0625
"""Float inputs are int8 numbers times this, exact in binary."""


def generated_inputs(graph: Graph) -> dict[str, Array]:
    """What the C generates, input by input in the graph's order; integers of any type get numbers of int8."""
    state, inputs = 1, {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        numbers = np.empty(tensor.elements, np.int8)
        for index in range(tensor.elements):
            state = (state * MULTIPLIER + INCREMENT) % (1 << 32)
            numbers[index] = np.uint8(state >> 24).astype(np.int8)
        inputs[name] = _typed(numbers, tensor)
    return inputs


def _typed(numbers: npt.NDArray[np.int8], tensor: Tensor) -> Array:
    if tensor.dtype is DType.FLOAT32:
        return (numbers * np.float32(FLOAT_STEP)).reshape(tensor.shape)
    if tensor.dtype is DType.BOOL:
        return (numbers & 1).astype(bool).reshape(tensor.shape)
    return numbers.astype(tensor.dtype.numpy).reshape(tensor.shape)


def element(number: str, dtype: DType) -> str:
    """C expression of an input element from the next ``int8_t`` number."""
    if dtype is DType.FLOAT32:
        return f"(float){number} * {FLOAT_STEP}f"
    return f"{number} & 1" if dtype is DType.BOOL else number


def answers(graph: Graph) -> Mapping[str, Array]:
    """The outputs by name."""
    return {name: np.asarray(values) for name, values in execute(graph, generated_inputs(graph)).items()}
