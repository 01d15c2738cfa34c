"""Gates: what a tensor is of another one, as far as hard sigmoid, hard swish and swish are made of it.

An expression is ``scale * x^power * gate(slope * x + offset)``, where the gate is a clamp, a sigmoid or nothing at all.
Factors are put together in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import IDENTITY, Activation, Add, Binary, Clamp, Unary
from tinyml_core.graph.tensor import DType

TOLERANCE = 1e-6
"""Relative: what a constant such as 1/6 may lack after it was written as float32 or with seven digits."""
LONGEST = 8
"""Nodes that a pattern has at most."""


@dataclass(frozen=True)
class Expression:
    """``scale * x**power * gate(slope * x + offset)``; a clamp has limits. ``made`` are the tensors on the way."""

    slope: float = 1.0
    offset: float = 0.0
    gate: Literal["clamp", "sigmoid"] | None = None
    low: float = -math.inf
    high: float = math.inf
    scale: float = 1.0
    power: Literal[0, 1] = 0
    made: frozenset[str] = frozenset()

    def times(self, factor: float) -> Expression:
        """The expression times a constant."""
        if self.gate is None:
            return replace(self, slope=self.slope * factor, offset=self.offset * factor)
        return replace(self, scale=self.scale * factor)

    def plus(self, term: float) -> Expression | None:
        """The expression plus a constant, if it is no gate yet."""
        return replace(self, offset=self.offset + term) if self.gate is None else None

    def clamped(self, limits: Activation) -> Expression | None:
        """The expression limited, if that is a clamp of ``slope * x + offset`` again."""
        if limits == IDENTITY:
            return self
        if self.gate == "sigmoid" or self.power or not self.scale > 0:
            return None
        low, high = (min(max(limit / self.scale, self.low), self.high) for limit in limits)
        return replace(self, gate="clamp", low=low, high=high)

    def gated(self, x: Expression) -> Expression | None:
        """The expression times ``x``, where that is a multiple of the variable and this one a gate."""
        if x.gate is not None or x.offset or self.gate is None or self.power:
            return None
        return replace(self, scale=self.scale * x.slope, power=1, made=self.made | x.made)

    def function(self) -> Unary | None:
        """The one operator that computes it, if there is one."""
        if self.gate == "sigmoid":
            swish = self.power == 1 and self.offset == 0 and _near(self.scale, 1)
            return Unary("swish", alpha=self.slope) if swish else None
        if self.gate is None or self.low != 0 or not (0 < self.high < math.inf and _near(self.scale * self.high, 1)):
            return None
        alpha, beta = self.slope / self.high, self.offset / self.high
        if not self.power:
            return Unary("hard_sigmoid", alpha=alpha, beta=beta)
        return Unary("hard_swish") if _near(alpha, 1 / 6) and _near(beta, 1 / 2) else None


def _near(value: float, wanted: float) -> bool:
    return math.isclose(value, wanted, rel_tol=TOLERANCE)


def expression_of(name: str, variable: str, graph: Graph, depth: int = LONGEST) -> Expression | None:
    """What the tensor ``name`` is of ``variable``; None for something else, or what takes more than ``depth`` nodes."""
    if name == variable:
        return Expression()
    node = graph.producers.get(name)
    if node is None or not depth or graph.tensors[name].shape != graph.tensors[variable].shape:
        return None
    found = _combined(node, variable, graph, depth - 1)
    return found and replace(found, made=found.made | {name})


def ancestors(node: Node, graph: Graph) -> Iterator[str]:
    """Tensors that ``node`` may be an expression of, nearest first."""
    seen, waiting = {node.name}, [node]
    for each in waiting:
        if len(waiting) > LONGEST or not isinstance(each.op, Add | Binary | Clamp | Unary):
            continue
        for name in dict.fromkeys(each.inputs):
            tensor, before = graph.tensors[name], graph.producers.get(name)
            if tensor.data is not None or tensor.dtype is not DType.FLOAT32:
                continue
            yield name
            if before is not None and before.name not in seen:
                seen.add(before.name)
                waiting.append(before)


def _combined(node: Node, variable: str, graph: Graph, depth: int) -> Expression | None:
    numbers = [_number(name, graph) for name in node.inputs]
    parts = [
        expression_of(name, variable, graph, depth) if number is None else None
        for name, number in zip(node.inputs, numbers, strict=True)
    ]
    op, found = node.op, None
    if isinstance(op, Unary):
        return _unary(op, parts[0])
    if isinstance(op, Clamp):
        return parts[0] and parts[0].clamped(op.activation)
    if not isinstance(op, Add | Binary):
        return None
    function = "add" if isinstance(op, Add) else op.function
    left, right = parts
    if left is not None and right is not None and function == "multiply":
        found = left.gated(right) or right.gated(left)
    elif left is not None and numbers[1] is not None:
        found = _with_constant(function, left, numbers[1])
    elif right is not None and numbers[0] is not None and function in ("add", "maximum", "minimum", "multiply"):
        found = _with_constant(function, right, numbers[0])
    return found and found.clamped(op.activation)


def _unary(op: Unary, source: Expression | None) -> Expression | None:
    if source is None or source.gate is not None:
        return None
    if op.function == "sigmoid":
        return replace(source, gate="sigmoid")
    if op.function == "hard_sigmoid":
        affine = source.times(op.alpha).plus(op.beta)
        return affine and affine.clamped((0.0, 1.0))
    return None


def _with_constant(function: str, source: Expression, number: float) -> Expression | None:
    match function:
        case "add":
            return source.plus(number)
        case "subtract":
            return source.plus(-number)
        case "multiply":
            return source.times(number)
        case "divide":
            return source.times(1 / number) if number else None
        case "maximum":
            return source.clamped((number, math.inf))
        case "minimum":
            return source.clamped((-math.inf, number))
    return None


def _number(name: str, graph: Graph) -> float | None:
    """The one finite number that a constant consists of."""
    data = graph.tensors[name].data
    if data is None or not data.size or not np.isfinite(data.flat[0]) or not (data == data.flat[0]).all():
        return None
    return float(data.flat[0])
