"""Losses: from float32 logits and targets, both [1, classes], to a number and the gradient of the logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tinyml_core.graph.builder import GraphBuilder
from tinyml_core.graph.operators import Binary, LogSoftmax, Reduce, Softmax, Unary

Loss = Callable[[GraphBuilder, str, str], tuple[str, str]]


def cross_entropy(builder: GraphBuilder, logits: str, target: str) -> tuple[str, str]:
    """``-sum(target * log_softmax(logits))``; the targets of a sample add up to 1."""
    weighted = builder.node(Binary("multiply"), [target, builder.node(LogSoftmax(), [logits])])
    loss = builder.node(Unary("negate"), [builder.node(Reduce("sum", (1,)), [weighted])])
    return loss, builder.node(Binary("subtract"), [builder.node(Softmax(), [logits]), target])


def mean_squared_error(builder: GraphBuilder, logits: str, target: str) -> tuple[str, str]:
    """Mean of ``(logits - target) ** 2``."""
    count = builder.tensor(logits).elements
    error = builder.node(Binary("subtract"), [logits, target])
    total = builder.node(Reduce("sum", (1,)), [builder.node(Binary("multiply"), [error, error])])
    loss = builder.node(Binary("multiply"), [total, _number(builder, "loss.share", 1 / count)])
    return loss, builder.node(Binary("multiply"), [error, _number(builder, "loss.slope", 2 / count)])


def binary_cross_entropy(builder: GraphBuilder, logits: str, target: str) -> tuple[str, str]:
    """Mean of ``softplus(logits) - target * logits``: every class for itself, true with probability sigmoid(logit)."""
    share = _number(builder, "loss.share", 1 / builder.tensor(logits).elements)
    given = builder.node(Binary("multiply"), [target, logits])
    each = builder.node(Binary("subtract"), [builder.node(Unary("softplus"), [logits]), given])
    total = builder.node(Reduce("sum", (1,)), [each])
    loss = builder.node(Binary("multiply"), [total, share])
    error = builder.node(Binary("subtract"), [builder.node(Unary("sigmoid"), [logits]), target])
    return loss, builder.node(Binary("multiply"), [error, share])


def _number(builder: GraphBuilder, name: str, value: float) -> str:
    return builder.constant(builder.free(name), np.full(1, value, np.float32))


LOSSES: Mapping[str, Loss] = {
    "cross-entropy": cross_entropy,
    "mse": mean_squared_error,
    "binary": binary_cross_entropy,
}
