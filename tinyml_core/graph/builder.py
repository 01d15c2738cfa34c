"""GraphBuilder: write a graph node by node; output shapes are inferred.

::

    b = GraphBuilder("demo")
    x = b.input("image", (1, 8, 8, 1), DType.FLOAT32)
    y = b.node(Conv2D(padding=(1, 1, 1, 1)), [x, b.constant("w", weights)], name="stem")
    graph = b.build([y])
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from tinyml_core.errors import GraphError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operator import Broken, Operator
from tinyml_core.graph.tensor import Array, DType, Quantization, Tensor


class GraphBuilder:
    """Collects tensors and nodes; tensor names are the handles it hands out."""

    def __init__(self, name: str, rounding: Rounding = Rounding.SINGLE) -> None:
        self._name, self._rounding = name, rounding
        self._tensors: dict[str, Tensor] = {}
        self._nodes: list[Node] = []
        self._inputs: list[str] = []

    @classmethod
    def extending(cls, graph: Graph) -> GraphBuilder:
        """A builder that holds all of ``graph`` already, but its outputs and the layouts of its source."""
        builder = cls(graph.name, graph.rounding)
        builder._tensors, builder._nodes = dict(graph.tensors), list(graph.nodes)
        builder._inputs = list(graph.inputs)
        return builder

    def free(self, name: str) -> str:
        """``name``, or with a number behind it where a tensor or a node has that name."""
        taken = {*self._tensors, *(node.name for node in self._nodes)}
        numbered = (f"{name}_{number}" for number in itertools.count(1))
        return name if name not in taken else next(each for each in numbered if each not in taken)

    def tensor(self, name: str) -> Tensor:
        """The tensor behind a handle."""
        return self._tensors[name]

    def input(self, name: str, shape: Sequence[int], dtype: DType, quantization: Quantization | None = None) -> str:
        """Add a graph input and return its handle."""
        self._inputs.append(self._add(Tensor(name, tuple(shape), dtype, quantization)))
        return self._inputs[-1]

    def constant(self, name: str, data: Array, quantization: Quantization | None = None) -> str:
        """Add a constant and return its handle; the type is that of ``data``."""
        dtype = DType(data.dtype.name)
        return self._add(Tensor(name, tuple(int(size) for size in data.shape), dtype, quantization, data))

    def zeros(self, name: str, shape: Sequence[int]) -> str:
        """Add a float32 constant of zeros that takes no memory: the parameters of a network not trained yet."""
        return self.constant(name, np.broadcast_to(np.float32(0), tuple(shape)))

    def node(
        self, op: Operator, inputs: Sequence[str], *, name: str = "", quantization: Quantization | None = None
    ) -> str:
        """Add a node with one output, named after the node, and return the output's handle.

        Raises:
            GraphError: the inputs do not suit the operator.
        """
        (output,) = self.node_outputs(op, inputs, name=name, quantization=quantization)
        return output

    def node_outputs(
        self, op: Operator, inputs: Sequence[str], *, name: str = "", quantization: Quantization | None = None
    ) -> tuple[str, ...]:
        """Add a node with any number of outputs, all quantised alike, and return their handles.

        One output has the name of the node, several have numbers behind it.

        Raises:
            GraphError: the inputs do not suit the operator.
        """
        name = name or self.free(f"{op.kind}_{len(self._nodes)}")
        try:
            types = op.infer([self._tensors[handle] for handle in inputs])
        except Broken as error:
            raise GraphError(str(error), place=f"node {name!r} ({op.kind})") from None
        names = [name] if len(types) == 1 else [f"{name}_{index}" for index in range(len(types))]
        outputs = tuple(
            self._add(Tensor(each, shape, dtype, quantization))
            for each, (shape, dtype) in zip(names, types, strict=True)
        )
        self._nodes.append(Node(name, op, tuple(inputs), outputs))
        return outputs

    def build(self, outputs: Sequence[str], *, state: Mapping[str, str] | None = None) -> Graph:
        """Return the finished graph, not verified yet; ``state`` names the output that replaces an input."""
        return Graph(
            self._name, dict(self._tensors), tuple(self._nodes), tuple(self._inputs), tuple(outputs), self._rounding,
            state=dict(state or {}),
        )  # fmt: skip

    def _add(self, tensor: Tensor) -> str:
        if tensor.name in self._tensors:
            raise GraphError("a tensor of this name exists already", place=f"tensor {tensor.name!r}")
        self._tensors[tensor.name] = tensor
        return tensor.name
