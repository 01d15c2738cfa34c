"""Gradients of operators that only move elements: they move back."""

from __future__ import annotations

import numpy as np

from tinyml_core.graph.graph import Node
from tinyml_core.graph.operators import Concat, Expand, Pad, Reshape, Slice, Split, Transpose
from tinyml_core.training.autodiff import Backward
from tinyml_core.training.rules.pointwise import unbroadcast


def reshape(back: Backward, node: Node) -> None:
    """``Reshape``."""
    (source,) = back.graph.inputs_of(node)
    back.give(source.name, back.emit(Reshape(source.shape), [back.gradient_of(node)], node, "gradient"))


def transpose(back: Backward, node: Node) -> None:
    """``Transpose``."""
    assert isinstance(node.op, Transpose)
    inverse = tuple(int(axis) for axis in np.argsort(node.op.axes))
    back.give(node.inputs[0], back.emit(Transpose(inverse), [back.gradient_of(node)], node, "gradient"))


def expand(back: Backward, node: Node) -> None:
    """``Expand``."""
    (source,) = back.graph.inputs_of(node)
    back.give(source.name, unbroadcast(back, node, back.gradient_of(node), source.shape))


def concat(back: Backward, node: Node) -> None:
    """``Concat``: each input has its share of the gradient."""
    assert isinstance(node.op, Concat)
    axis, start = node.op.axis, 0
    for index, source in enumerate(back.graph.inputs_of(node)):
        if back.wants(source.name):
            starts = tuple(start if each == axis else 0 for each in range(len(source.shape)))
            share = Slice(starts, source.shape, (1,) * len(source.shape))
            back.give(source.name, back.emit(share, [back.gradient_of(node)], node, f"gradient_{index}"))
        start += source.shape[axis]


def split(back: Backward, node: Node) -> None:
    """``Split``: pieces that lead nowhere give zeros."""
    assert isinstance(node.op, Split)
    gradients = [back.gradient(name) for name in node.outputs]
    for index, (piece, gradient) in enumerate(zip(back.graph.outputs_of(node), gradients, strict=True)):
        if gradient is None:
            nothing = back.constant(np.zeros(1, np.float32), "zero")
            gradients[index] = back.emit(Expand(piece.shape), [nothing], node, f"nothing_{index}")
    parts = [gradient for gradient in gradients if gradient is not None]
    back.give(node.inputs[0], back.emit(Concat(node.op.axis), parts, node, "gradient"))


def slice_(back: Backward, node: Node) -> None:
    """``Slice`` without steps: zeros around the gradient."""
    op = node.op
    assert isinstance(op, Slice)
    if set(op.steps) != {1}:
        raise back.unsupported(node, f"has no gradient with steps {op.steps}")
    (source,) = back.graph.inputs_of(node)
    around = tuple(
        (start, whole - start - size) for start, size, whole in zip(op.starts, op.sizes, source.shape, strict=True)
    )
    back.give(source.name, back.emit(Pad(around), [back.gradient_of(node)], node, "gradient"))


def pad(back: Backward, node: Node) -> None:
    """``Pad`` with a constant: the middle of the gradient."""
    op = node.op
    assert isinstance(op, Pad)
    if op.mode != "constant":
        raise back.unsupported(node, f"has no gradient in mode {op.mode!r}")
    (source,) = back.graph.inputs_of(node)
    middle = Slice(tuple(before for before, _ in op.padding), source.shape, (1,) * len(source.shape))
    back.give(source.name, back.emit(middle, [back.gradient_of(node)], node, "gradient"))
