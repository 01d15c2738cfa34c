"""Reverse-mode differentiation: gradients of a graph's variables, written as nodes behind it.

What every operator does with a gradient is a row of :data:`tinyml_core.training.rules.RULES`. Gradients are float32 and
belong to a tensor's integers. Nothing is written for tensors that depend on no variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.requantisation import activation_limits, place_of
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Add, Binary, MaskedScale, SaturationMask
from tinyml_core.graph.operators.window import IDENTITY
from tinyml_core.graph.tensor import DType, Quantization, Tensor

UNSCALED = Quantization.per_tensor(1.0)
"""Of bits and other narrow integers that stand for themselves."""


class Backward:
    """The backward pass of ``graph``, written into ``builder``, which holds that graph already."""

    def __init__(self, builder: GraphBuilder, graph: Graph, variables: Sequence[str]) -> None:
        self.graph = graph
        self._builder = builder
        self._pending = list(variables)
        self._differentiable = set(variables)
        for node in graph.nodes:
            if self._differentiable.intersection(node.inputs):
                self._differentiable.update(node.outputs)
        self._gradients: dict[str, str] = {}
        self._masks: dict[str, str] = {}
        self._constants: dict[tuple[tuple[int, ...], str, bytes], str] = {}

    def run(self, output: str, gradient: str, rules: Mapping[type[Operator], Rule]) -> Iterator[tuple[str, str]]:
        """Go backwards from ``output``, whose gradient is given, and yield each variable with its gradient.

        A variable comes right behind the one node that reads it, when that node's input has its gradient already, so
        that the update can be written before anything earlier in the network is differentiated.

        Raises:
            UnsupportedError: an operator between the variables and the output has no rule.
        """
        self._gradients[output] = gradient
        for node in reversed(self.graph.nodes):
            if not any(name in self._gradients for name in node.outputs):
                continue
            if self._differentiable.isdisjoint(node.inputs):
                continue
            rule = rules.get(type(node.op))
            if rule is None:
                raise self.unsupported(node, "has no gradient")
            rule(self, node)
            for name in [name for name in self._pending if name in self._gradients]:
                self._pending.remove(name)
                yield name, self._gradients[name]

    def wants(self, name: str) -> bool:
        """Whether the gradient of a tensor is of use."""
        return name in self._differentiable

    def gradient(self, name: str) -> str | None:
        """The gradient of a tensor, complete once all nodes behind it have been visited; None where there is none."""
        return self._gradients.get(name)

    def gradient_of(self, node: Node) -> str:
        """The gradient of a node's only output."""
        return self._gradients[node.outputs[0]]

    def give(self, name: str, gradient: str) -> None:
        """Add ``gradient`` to that of tensor ``name``: where a value goes to several nodes, all of them count."""
        present = self._gradients.get(name)
        if present is not None:
            gradient = self._builder.node(Add(), [present, gradient], name=self._builder.free(f"{name}.accumulated"))
        self._gradients[name] = gradient

    def tensor(self, name: str) -> Tensor:
        """A tensor of the forward graph or of what has been written since."""
        return self._builder.tensor(name)

    def emit(
        self, op: Operator, inputs: list[str], node: Node, what: str, quantization: Quantization | None = None
    ) -> str:
        """Write an operator on behalf of ``node`` and return its output."""
        return self._builder.node(op, inputs, name=self._builder.free(f"{node.name}.{what}"), quantization=quantization)

    def constant(self, data: npt.NDArray[np.generic], name: str, quantization: Quantization | None = None) -> str:
        """A constant; equal ones are kept once."""
        key = (data.shape, data.dtype.name, data.tobytes())
        if key not in self._constants:
            self._constants[key] = self._builder.constant(self._builder.free(name), data, quantization)
        return self._constants[key]

    def scaled(self, node: Node, gradient: str, factors: npt.ArrayLike, what: str = "scaled") -> str:
        """``gradient`` times ``factors``, one for each channel or one for all."""
        values = np.asarray(factors, np.float32)
        return self.emit(Binary("multiply"), [gradient, self.constant(values, f"{node.name}.factors")], node, what)

    def masked(self, node: Node, factors: npt.ArrayLike, what: str = "masked") -> str:
        """The gradient of a node's int8 output where that does not saturate, times ``factors`` ([channels] or [1])."""
        (output,) = self.graph.outputs_of(node)
        low, high = activation_limits(getattr(node.op, "activation", IDENTITY), output)
        if node.name not in self._masks:
            bits = self.emit(SaturationMask(low, high), [output.name], node, "saturation", UNSCALED)
            self._masks[node.name] = bits
        values = self.constant(np.asarray(factors, np.float32).ravel(), f"{node.name}.factors")
        return self.emit(MaskedScale(), [self.gradient_of(node), self._masks[node.name], values], node, what)

    def is_float(self, node: Node) -> bool:
        """Whether a node computes in float32.

        Raises:
            UnsupportedError: it does, with an activation behind it.
        """
        if self.graph.outputs_of(node)[0].dtype is not DType.FLOAT32:
            return False
        if getattr(node.op, "activation", IDENTITY) != IDENTITY:
            raise self.unsupported(node, "has no gradient in float32 with an activation behind it")
        return True

    def unsupported(self, node: Node, problem: str) -> UnsupportedError:
        """What to raise where a node cannot be differentiated."""
        return UnsupportedError(problem, place=place_of(node), remedy="let only layers behind it learn")


Rule = Callable[[Backward, Node], None]
"""Gives each wanted input of a node its gradient."""
