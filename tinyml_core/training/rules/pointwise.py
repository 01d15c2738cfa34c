"""Gradients of operators that work element by element, and of those between scales."""

from __future__ import annotations

from tinyml_core.graph.graph import Node
from tinyml_core.graph.operators import Binary, Dequantize, Reduce, Reshape
from tinyml_core.graph.tensor import DType
from tinyml_core.training.autodiff import Backward


def add(back: Backward, node: Node) -> None:
    """``Add``: the gradient goes to both branches, each by its own scale."""
    _weighted(back, node, (1.0, 1.0))


def binary(back: Backward, node: Node) -> None:
    """``subtract`` and ``multiply``."""
    assert isinstance(node.op, Binary)
    if node.op.function == "subtract":
        _weighted(back, node, (1.0, -1.0))
    elif node.op.function == "multiply":
        _product(back, node)
    else:
        raise back.unsupported(node, f"function {node.op.function!r} has no gradient")


def _weighted(back: Backward, node: Node, weights: tuple[float, float]) -> None:
    (output,) = back.graph.outputs_of(node)
    real = back.is_float(node)
    for index, (source, weight) in enumerate(zip(back.graph.inputs_of(node), weights, strict=True)):
        if not back.wants(source.name):
            continue
        if not real:
            gradient = back.masked(node, [weight * source.scale / output.scale], f"gradient_{index}")
        elif weight == 1:
            gradient = back.gradient_of(node)
        else:
            gradient = back.scaled(node, back.gradient_of(node), [weight], f"gradient_{index}")
        back.give(source.name, unbroadcast(back, node, gradient, source.shape, index))


def _product(back: Backward, node: Node) -> None:
    (output,) = back.graph.outputs_of(node)
    real = back.is_float(node)
    sources = back.graph.inputs_of(node)
    for index, (source, other) in enumerate(zip(sources, reversed(sources), strict=True)):
        if back.wants(source.name):
            gradient, factor = back.gradient_of(node), other.name
            if not real:
                gradient = back.masked(node, [source.scale / output.scale], f"scaled_{index}")
                factor = back.emit(Dequantize(), [other.name], node, f"factor_{index}")
            gradient = back.emit(Binary("multiply"), [gradient, factor], node, f"gradient_{index}")
            back.give(source.name, unbroadcast(back, node, gradient, source.shape, index))


def rescale(back: Backward, node: Node) -> None:
    """``Clamp`` of integers: nothing passes at its limits."""
    (source,), (output,) = back.graph.inputs_of(node), back.graph.outputs_of(node)
    if not back.wants(source.name):
        return
    if output.dtype is not DType.INT8:
        raise back.unsupported(node, f"has no gradient in {output.dtype.value}")
    back.give(source.name, back.masked(node, [source.scale / output.scale], "gradient"))


def quantize(back: Backward, node: Node) -> None:
    """``Quantize`` to int8, from float32 or from another scale; the same scale changes nothing."""
    (source,), (output,) = back.graph.inputs_of(node), back.graph.outputs_of(node)
    if source.quantization == output.quantization:
        back.give(source.name, back.gradient_of(node))
    elif source.dtype is DType.FLOAT32:
        back.give(source.name, back.masked(node, [1 / output.scale], "gradient"))
    else:
        rescale(back, node)


def dequantize(back: Backward, node: Node) -> None:
    """``Dequantize``: times the scale."""
    (source,) = back.graph.inputs_of(node)
    back.give(source.name, back.scaled(node, back.gradient_of(node), [source.scale], "gradient"))


def unbroadcast(back: Backward, node: Node, gradient: str, shape: tuple[int, ...], index: int = 0) -> str:
    """The gradient of an operand of ``shape`` from that of what it was broadcast to: all its copies add up."""
    wide = back.tensor(gradient)
    if wide.shape == shape:
        return gradient
    padded = (1,) * (len(wide.shape) - len(shape)) + shape
    axes = tuple(axis for axis, (one, many) in enumerate(zip(padded, wide.shape, strict=True)) if one != many)
    if axes:
        gradient = back.emit(Reduce("sum", axes, keep_axes=True), [gradient], node, f"total_{index}")
    return back.emit(Reshape(shape), [gradient], node, f"narrow_{index}") if padded != shape else gradient
