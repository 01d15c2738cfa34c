"""Operator: what a node computes, as a frozen dataclass of its attributes.

A subclass names itself, says which inputs it takes and infers the types of its outputs; everything else about it
(arithmetic, kernels, gradients) lives in tables keyed by the class, in the package that knows about it. Attributes are
built from int, float, bool, str, None and tuples of these, so that every operator can be saved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from tinyml_core.graph.tensor import DType, Tensor


class TensorType(NamedTuple):
    """Shape and element type of an output; quantisation is the graph author's to choose."""

    shape: tuple[int, ...]
    dtype: DType


class Broken(Exception):
    """Inputs that an operator cannot take; the verifier adds the node's name."""


@dataclass(frozen=True)
class Operator:
    """What a node computes."""

    kind: ClassVar[str]
    """Name in saved graphs, reports and tables: snake case, the field's standard term."""
    arity: ClassVar[tuple[int, int]] = (1, 1)
    """Least and greatest number of inputs; trailing optional inputs may be left out."""

    @property
    def title(self) -> str:
        """What people read in tables: the kind, or the function where a kind covers several."""
        return self.kind

    def infer(self, inputs: Sequence[Tensor]) -> tuple[TensorType, ...]:
        """Return the types of the outputs.

        Raises:
            Broken: the inputs do not suit this operator; the message says which and why.
        """
        raise Broken(f"operator {self.kind!r} has no shape inference")

    def macs(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Multiply-accumulates of one execution, padded taps counted."""
        return 0

    def operations(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
        """Elements read or combined in one execution, about: what bounds its time, beside the macs."""
        return sum(tensor.elements for tensor in (*inputs, *outputs))


def require(condition: bool, reason: str) -> None:
    """Raise :class:`Broken` with ``reason`` unless ``condition`` holds."""
    if not condition:
        raise Broken(reason)
