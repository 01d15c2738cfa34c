"""Graph: nodes in execution order over named tensors; immutable, so every pass returns a new one.

A graph's meaning includes its ``rounding``: executing it on the reference, on the host or on a board gives the same
bits everywhere.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.tensor import Tensor


class Rounding(enum.Enum):
    """How an accumulator becomes an activation; see docs/arithmetic.md."""

    TFLITE = "tflite"
    """Two roundings, bit-exact to TensorFlow Lite Micro."""
    SINGLE = "single"
    """One rounding (SMMLAR and SSAT on Cortex-M): faster, at most one least significant bit away per layer."""


@dataclass(frozen=True)
class Node:
    """One operation: ``op`` applied to the tensors named in ``inputs``."""

    name: str
    op: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """A network; ``nodes`` are in execution order, each tensor has at most one producer.

    :func:`tinyml_core.graph.verify.verify` checks every rule and names the node that breaks one.
    """

    name: str
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rounding: Rounding = Rounding.SINGLE
    axes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Inputs and outputs whose source has another layout: name -> permutation such that the device's array is the
    source's array transposed by it, (0, 2, 3, 1) for NCHW; absent where both are the same."""
    state: Mapping[str, str] = field(default_factory=dict)
    """Inputs that an execution replaces, such as weights that learn: name -> the output that is its value in the next
    one. On a device both are the same bytes."""

    def inputs_of(self, node: Node) -> list[Tensor]:
        """The tensors a node reads, in order."""
        return [self.tensors[name] for name in node.inputs]

    def outputs_of(self, node: Node) -> list[Tensor]:
        """The tensors a node writes, in order."""
        return [self.tensors[name] for name in node.outputs]

    @cached_property
    def producers(self) -> Mapping[str, Node]:
        """Tensor name -> the node that writes it; constants and graph inputs are absent."""
        return {name: node for node in self.nodes for name in node.outputs}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Node, ...]]:
        """Tensor name -> the nodes that read it, in execution order; unread tensors are absent."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                readers.setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in readers.items()}

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, padded taps counted."""
        return sum(node.op.macs(self.inputs_of(node), self.outputs_of(node)) for node in self.nodes)

    @property
    def operations(self) -> int:
        """Multiply-accumulates, and elements read or combined, of one inference: what bounds its time."""
        bound = ((node.op, self.inputs_of(node), self.outputs_of(node)) for node in self.nodes)
        return sum(op.macs(inputs, outputs) + op.operations(inputs, outputs) for op, inputs, outputs in bound)

    @property
    def parameters(self) -> int:
        """Elements of all constants."""
        return sum(tensor.elements for tensor in self.tensors.values() if tensor.data is not None)

    @property
    def constant_bytes(self) -> int:
        """Bytes of all constants, densely packed."""
        return sum(tensor.bytes for tensor in self.tensors.values() if tensor.data is not None)
