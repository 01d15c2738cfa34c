"""Reductions and normalisations of float32, and reductions of integers that stand for themselves.

Elements are visited in memory order, sums start at 0 and are float32; integers wrap around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.elementary import exp, log
from tinyml_core.arithmetic.lowering import place_of
from tinyml_core.arithmetic.plain import require_unscaled
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import ArgReduce, L2Norm, LayerNorm, Reduce
from tinyml_core.graph.tensor import DType

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]
Function = Callable[[Array], Array]
Number = TypeVar("Number", bound=np.generic)


def summed(rows: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """0 plus the elements along the last axis, from the first to the last; NumPy's own ``sum`` goes pairwise."""
    total: npt.NDArray[Number] = np.add.accumulate(rows, axis=-1, dtype=rows.dtype)[..., -1]
    from_zero: npt.NDArray[Number] = np.add(total, rows.dtype.type(0))  # a sum of negative zeros that starts at 0 is 0
    return from_zero


def _product(rows: Array) -> Array:
    product: Array = np.multiply.accumulate(rows, axis=-1, dtype=rows.dtype)[..., -1]
    return product


def greatest(rows: Array) -> Array:
    """The first of the greatest along the last axis."""
    return np.take_along_axis(rows, rows.argmax(axis=-1)[..., None], axis=-1)[..., 0]


def _least(rows: Array) -> Array:
    return np.take_along_axis(rows, rows.argmin(axis=-1)[..., None], axis=-1)[..., 0]


def _log_sum_exp(rows: Array) -> Array:
    shift = greatest(rows)
    shift = np.where(np.abs(shift) < np.inf, shift, np.float32(0))
    return log(summed(exp(rows - shift[..., None]))) + shift


_ORDER: Mapping[str, Function] = {"max": greatest, "min": _least}
_INTEGERS: Mapping[str, Function] = {
    **_ORDER,
    "l1": lambda rows: summed(np.abs(rows)),
    "product": _product,
    "sum": summed,
    "sum_square": lambda rows: summed(rows * rows),
}
REDUCTIONS: Mapping[DType, Mapping[str, Function]] = {
    DType.FLOAT32: {
        **_INTEGERS,
        "l2": lambda rows: np.sqrt(summed(rows * rows)),
        "log_sum": lambda rows: log(summed(rows)),
        "log_sum_exp": _log_sum_exp,
    },
    DType.INT32: _INTEGERS,
    DType.INT64: _INTEGERS,
    DType.BOOL: _ORDER,
}


def reduce(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Reduce`.

    Raises:
        UnsupportedError: the function is not defined for the type, or integers have a scale.
    """
    op = node.op
    assert isinstance(op, Reduce)
    require_unscaled(node, graph)
    (source,) = graph.inputs_of(node)
    if op.function not in REDUCTIONS[source.dtype]:
        raise UnsupportedError(
            f"{op.function!r} is not defined for inputs of type {source.dtype.value}", place=place_of(node)
        )
    function, shape, axes = REDUCTIONS[source.dtype][op.function], graph.outputs_of(node)[0].shape, op.axes
    return lambda inputs: np.asarray(function(_rows(inputs[0], axes))).reshape(shape)


def _rows(values: Array, axes: Sequence[int]) -> Array:
    """[kept..., reduced]: the elements that go into each output along the last axis, in memory order."""
    kept = [axis for axis in range(values.ndim) if axis not in axes]
    return values.transpose(*kept, *sorted(axes)).reshape(*(values.shape[axis] for axis in kept), -1)


def arg_reduce(node: Node, graph: Graph) -> Run:
    """Prepare an :class:`ArgReduce`."""
    op = node.op
    assert isinstance(op, ArgReduce)
    require_unscaled(node, graph)
    (source,), (output,) = graph.inputs_of(node), graph.outputs_of(node)
    last = source.shape[op.axis] - 1

    def run(inputs: Sequence[Array]) -> Array:
        values = np.flip(inputs[0], op.axis) if op.last else inputs[0]
        place = values.argmin(axis=op.axis) if op.least else values.argmax(axis=op.axis)
        return np.asarray(last - place if op.last else place, output.dtype.numpy).reshape(output.shape)

    return run


def layer_norm(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`LayerNorm`: ``(x - mean) * (1 / sqrt(variance + epsilon)) * gamma + beta``."""
    op = node.op
    assert isinstance(op, LayerNorm)
    (output,) = graph.outputs_of(node)
    leading = output.shape[: op.axis % len(output.shape)]

    def run(inputs: Sequence[Array]) -> Array:
        rows = inputs[0].reshape(*leading, -1)
        count = np.float32(rows.shape[-1])
        centred = rows - (summed(rows) / count)[..., None]
        variance = summed(centred * centred) / count
        factor = np.float32(1) / np.sqrt(variance + np.float32(op.epsilon))
        scaled = centred * factor[..., None] * inputs[1].ravel()
        return (scaled + inputs[2].ravel() if len(inputs) == 3 else scaled).reshape(output.shape)

    return run


def l2_norm(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`L2Norm`: ``x / sqrt(max(sum(x * x), epsilon))``."""
    op = node.op
    assert isinstance(op, L2Norm)
    least = np.float32(op.epsilon)

    def run(inputs: Sequence[Array]) -> Array:
        (values,) = inputs
        squares = summed(values * values)
        return values / np.sqrt(np.where(squares < least, least, squares))[..., None]

    return run


def log_softmax(node: Node, graph: Graph) -> Run:
    """Prepare a float32 :class:`~tinyml_core.graph.operators.LogSoftmax`: ``(x - max) - log(sum(exp(x - max)))``."""

    def run(inputs: Sequence[Array]) -> Array:
        (values,) = inputs
        shifted = values - greatest(values)[..., None]
        return shifted - log(summed(exp(shifted)))[..., None]

    return run


__all__ = ["REDUCTIONS", "arg_reduce", "greatest", "l2_norm", "layer_norm", "log_softmax", "reduce", "summed"]
