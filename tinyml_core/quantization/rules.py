"""Rules: for each operator with int8 arithmetic, where the scale of its output comes from.

They are those of TensorFlow Lite's 8-bit specification: what only moves values keeps the scale it reads, what joins
several tensors gives all of them one, softmax and its like write a scale of their own, and everything else takes its
scale from the range of its output.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

from tinyml_core.arithmetic.real_functions import FUNCTIONS
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import (
    Add,
    ArgReduce,
    AveragePool2D,
    Binary,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Expand,
    FullyConnected,
    Gather,
    L2Norm,
    LogSoftmax,
    MatMul,
    MaxPool2D,
    Mean,
    Pad,
    Reduce,
    Reshape,
    Resize,
    Select,
    Slice,
    Softmax,
    Split,
    Tile,
    Transpose,
    TransposeConv2D,
    Unary,
)
from tinyml_core.graph.operators.pointwise import COMPARISONS
from tinyml_core.graph.tensor import Quantization


class Scale(enum.Enum):
    """Where an output's scale comes from."""

    RANGE = "its own range"
    SOURCE = "the first operand"
    """Values move, or stay between those they are made from."""
    SHARED = "its own range, for every operand too"


Rule = Scale | Quantization
"""A quantisation is one that the operator always writes."""

CHANNEL_AXIS: Mapping[type[Operator], int] = {Conv2D: 0, DepthwiseConv2D: 3, FullyConnected: 0, TransposeConv2D: 0}
"""Layers with weights, and the axis of the output channels in these."""
INTERPOLATING: tuple[type[Operator], ...] = (AveragePool2D, Resize)
"""Keep their operand's scale but compute with its values, so that clipping the operand would change the result."""

PROBABILITY = Quantization.per_tensor(1 / 256, -128)
WITHIN_ONE = Quantization.per_tensor(1 / 128)


def _binary(op: Operator) -> Rule | None:
    assert isinstance(op, Binary)
    if op.function in ("maximum", "minimum"):
        return Scale.SHARED
    known = op.function in ("divide", "multiply", "prelu", "squared_difference", "subtract", *COMPARISONS)
    return Scale.RANGE if known else None


def _pad(op: Operator) -> Rule:
    assert isinstance(op, Pad)
    return Scale.SHARED if op.mode == "constant" and op.value else Scale.SOURCE


def _reduce(op: Operator) -> Rule | None:
    assert isinstance(op, Reduce)
    return {"max": Scale.SOURCE, "min": Scale.SOURCE, "sum": Scale.RANGE}.get(op.function)


def _unary(op: Operator) -> Rule | None:
    assert isinstance(op, Unary)
    written = {"sigmoid": PROBABILITY, "tanh": WITHIN_ONE}.get(op.function)
    return written or (Scale.RANGE if op.function in FUNCTIONS else None)


RULES: Mapping[type[Operator], Rule | Callable[[Operator], Rule | None]] = {
    Add: Scale.RANGE,
    ArgReduce: Scale.RANGE,
    AveragePool2D: Scale.SOURCE,
    Binary: _binary,
    Clamp: Scale.RANGE,
    Concat: Scale.SHARED,
    Conv2D: Scale.RANGE,
    DepthwiseConv2D: Scale.RANGE,
    Expand: Scale.SOURCE,
    FullyConnected: Scale.RANGE,
    Gather: Scale.SOURCE,
    L2Norm: WITHIN_ONE,
    LogSoftmax: Quantization.per_tensor(1 / 16, 127),
    MatMul: Scale.RANGE,
    MaxPool2D: Scale.SOURCE,
    Mean: Scale.RANGE,
    Pad: _pad,
    Reduce: _reduce,
    Reshape: Scale.SOURCE,
    Resize: Scale.SOURCE,
    Select: Scale.SHARED,
    Slice: Scale.SOURCE,
    Softmax: PROBABILITY,
    Split: Scale.SOURCE,
    Tile: Scale.SOURCE,
    Transpose: Scale.SOURCE,
    TransposeConv2D: Scale.RANGE,
    Unary: _unary,
}


def rule_of(op: Operator) -> Rule | None:
    """Where the scale of ``op``'s output comes from; None when no int8 arithmetic is defined for it."""
    rule = RULES.get(type(op))
    return rule(op) if callable(rule) else rule
