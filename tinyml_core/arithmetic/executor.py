"""The reference executor: what a graph computes, to the bit, on the host.

The generated C must agree with it on every byte. A :class:`ReferenceExecutor` prepares a graph once for many samples;
:func:`execute` is for one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.reference import prepare_results
from tinyml_core.errors import InputError
from tinyml_core.graph.graph import Graph

Array = npt.NDArray[Any]


class ReferenceExecutor:
    """A graph ready to be executed; constants are read when it is made.

    Raises:
        UnsupportedError: an operator is not defined for the types it is given; names node, operator and types.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._steps = [(node, prepare_results(node, graph)) for node in graph.nodes]
        self._constants = {name: tensor.data for name, tensor in graph.tensors.items() if tensor.data is not None}
        self._last_use = {name: index for index, node in enumerate(graph.nodes) for name in node.inputs}

    def run(self, inputs: Mapping[str, Array], *, keep: Collection[str] = ()) -> dict[str, Array]:
        """Execute once.

        Args:
            inputs: one array per graph input, of exactly the declared shape and type.
            keep: further tensors to return.

        Returns:
            The graph's outputs and the tensors in ``keep``.

        Raises:
            InputError: an input is missing, unknown or of another shape or type, or ``keep`` names no tensor.
        """
        wanted = dict.fromkeys((*self._graph.outputs, *keep))
        self._check(inputs, wanted)
        values: dict[str, Array] = {**self._constants, **inputs}
        with np.errstate(all="ignore"):  # overflow to infinity and NaN are results like any other
            for index, (node, kernel) in enumerate(self._steps):
                values.update(zip(node.outputs, kernel([values[name] for name in node.inputs]), strict=True))
                for name in node.inputs:
                    if self._last_use[name] == index and name not in wanted:
                        values.pop(name, None)
        return {name: values[name] for name in wanted}

    def _check(self, inputs: Mapping[str, Array], wanted: Collection[str]) -> None:
        graph = self._graph
        for name in inputs:
            if name not in graph.inputs:
                raise InputError(f"is no input of the network, which has {_listed(graph.inputs)}", place=f"{name!r}")
        for name in graph.inputs:
            tensor, array = graph.tensors[name], inputs.get(name)
            if array is None:
                raise InputError("is missing", place=f"input {name!r}", remedy="give one array per input")
            if (array.shape, array.dtype) != (tensor.shape, tensor.dtype.numpy):
                raise InputError(
                    f"has {array.dtype}{list(array.shape)}, the network takes {tensor.dtype.value}{list(tensor.shape)}",
                    place=f"input {name!r}",
                )
        for name in wanted:
            if name not in graph.producers and name not in graph.inputs and name not in self._constants:
                raise InputError("is no tensor that the network computes", place=f"{name!r}")


def execute(graph: Graph, inputs: Mapping[str, Array], *, keep: Collection[str] = ()) -> dict[str, Array]:
    """Execute ``graph`` once; see :meth:`ReferenceExecutor.run`."""
    return ReferenceExecutor(graph).run(inputs, keep=keep)


def _listed(names: Collection[str]) -> str:
    return ", ".join(repr(name) for name in names)


__all__ = ["ReferenceExecutor", "execute"]
