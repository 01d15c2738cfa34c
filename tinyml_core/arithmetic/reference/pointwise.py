"""Pointwise functions of float32, of integers that stand for themselves, and of booleans.

Integers wrap around, and a division by zero gives 0; casts from float saturate and make NaN 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.elementary import FUNCTIONS, power
from tinyml_core.arithmetic.lowering import place_of
from tinyml_core.arithmetic.plain import INTEGERS, integer_limits, require_unscaled
from tinyml_core.arithmetic.reference.floating import clamped
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Activation, Add, Binary, Cast, Clamp, Unary
from tinyml_core.graph.tensor import DType, Tensor

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], Array]
Function = Callable[..., Any]


def _modulo(x: Array, y: Array) -> Array:
    rest = np.fmod(x, y)
    opposite = ((rest < 0) & (y > 0)) | ((rest > 0) & (y < 0))
    return np.where(opposite, rest + y, rest)


def _divisor(y: Array) -> Array:
    """``y`` but for 0 and -1, by which no division may go."""
    return np.where((y == 0) | (y == -1), 1, y).astype(y.dtype)


def _integer_quotient(x: Array, y: Array) -> Array:
    divisor = _divisor(y)
    down = x // divisor
    truncated = down + ((down < 0) & (down * divisor != x))
    return np.where(y == 0, 0, np.where(y == -1, -x, truncated))


def _integer_remainder(x: Array, y: Array) -> Array:
    return np.fmod(x, _divisor(y))


def _integer_modulo(x: Array, y: Array) -> Array:
    rest = _integer_remainder(x, y)
    return np.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


def _integer_power(x: Array, y: Array) -> Array:
    result, base = np.ones_like(x * y), x + np.zeros_like(y)
    for bit in range(8 * y.dtype.itemsize - 1):
        result = np.where((y >> bit) & 1, result * base, result)
        base = base * base
    inverse = np.where(x == 1, 1, np.where(x == -1, np.where(y & 1, -1, 1), 0))
    return np.where(y < 0, inverse, result)


_COMPARISONS: Mapping[str, Function] = {
    "equal": np.equal, "greater": np.greater, "greater_equal": np.greater_equal,
    "less": np.less, "less_equal": np.less_equal, "not_equal": np.not_equal,
}  # fmt: skip
_ARITHMETIC: Mapping[str, Function] = {
    "maximum": lambda x, y: np.where(x < y, y, x),
    "minimum": lambda x, y: np.where(y < x, y, x),
    "multiply": np.multiply,
    "prelu": lambda x, y: np.where(x < 0, x * y, x),
    "squared_difference": lambda x, y: np.square(x - y),
    "subtract": np.subtract,
}
_FLOAT_BINARY: Mapping[str, Function] = {
    **_ARITHMETIC, **_COMPARISONS,
    "divide": np.divide, "modulo": _modulo, "power": power, "remainder": np.fmod,
}  # fmt: skip
_INTEGER_BINARY: Mapping[str, Function] = {
    **_ARITHMETIC, **_COMPARISONS,
    "divide": _integer_quotient, "modulo": _integer_modulo, "power": _integer_power, "remainder": _integer_remainder,
}  # fmt: skip
_BOOLEAN_BINARY: Mapping[str, Function] = {
    **_COMPARISONS, "and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor,
}  # fmt: skip
BINARY: Mapping[DType, Mapping[str, Function]] = {
    DType.FLOAT32: _FLOAT_BINARY,
    **dict.fromkeys(INTEGERS, _INTEGER_BINARY),
    DType.BOOL: _BOOLEAN_BINARY,
}
_INTEGER_UNARY: Mapping[str, Function] = {"abs": np.abs, "negate": np.negative, "sign": np.sign}
UNARY: Mapping[DType, Mapping[str, Function]] = {
    DType.FLOAT32: {name: function for name, (function, _) in FUNCTIONS.items()},
    **dict.fromkeys(INTEGERS, _INTEGER_UNARY),
    DType.BOOL: {"not": np.logical_not},
}


def unary(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Unary`.

    Raises:
        UnsupportedError: the function is not defined for the type.
    """
    op = node.op
    assert isinstance(op, Unary)
    dtype = graph.inputs_of(node)[0].dtype
    function = _defined(node, op.function, dtype, UNARY)
    count = FUNCTIONS[op.function][1] if dtype is DType.FLOAT32 else 0
    parameters = [np.float32(value) for value in (op.alpha, op.beta)[:count]]
    return _whole(node, graph, lambda x: function(x, *parameters))


def binary(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Binary`.

    Raises:
        UnsupportedError: the function is not defined for the type.
    """
    op = node.op
    assert isinstance(op, Binary)
    function = _defined(node, op.function, graph.inputs_of(node)[0].dtype, BINARY)
    return _whole(node, graph, function, op.activation)


def add(node: Node, graph: Graph) -> Run:
    """Prepare an :class:`Add` of any of these types."""
    op = node.op
    assert isinstance(op, Add)
    return _whole(node, graph, np.add, op.activation)


def clamp(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Clamp` of any of these types."""
    op = node.op
    assert isinstance(op, Clamp)
    return _whole(node, graph, lambda x: x, op.activation)


def cast(node: Node, graph: Graph) -> Run:
    """Prepare a :class:`Cast` between types without a scale."""
    assert isinstance(node.op, Cast)
    (source,) = graph.inputs_of(node)
    dtype = DType(node.op.dtype)
    if source.dtype is DType.FLOAT32 and dtype.is_integer:
        return _whole(node, graph, lambda x: _truncated(x, dtype))
    return _whole(node, graph, lambda x: x.astype(dtype.numpy))


def _truncated(x: Array, dtype: DType) -> Array:
    low, high = dtype.limits
    limit = np.float32(-float(low))
    inside = (x < limit) & (x >= -limit)
    whole = np.where(inside, x, np.float32(0)).astype(dtype.numpy)
    return np.where(x >= limit, high, np.where(x < -limit, low, whole))


def _defined(node: Node, function: str, dtype: DType, table: Mapping[DType, Mapping[str, Function]]) -> Function:
    if function not in table[dtype]:
        raise UnsupportedError(f"{function!r} is not defined for inputs of type {dtype.value}", place=place_of(node))
    return table[dtype][function]


def _whole(node: Node, graph: Graph, function: Function, activation: Activation | None = None) -> Run:
    """``function`` over whole arrays, broadcast, clamped where an activation is given."""
    require_unscaled(node, graph)
    (output,) = graph.outputs_of(node)

    def run(inputs: Sequence[Array]) -> Array:
        values = function(*(np.atleast_1d(each) for each in inputs))
        if activation is not None and output.dtype is not DType.BOOL:
            values = _limited(values, activation, output)
        return np.array(values, output.dtype.numpy).reshape(output.shape)

    return run


def _limited(values: Array, activation: Activation, output: Tensor) -> Array:
    if output.dtype is DType.FLOAT32:
        return clamped(values, activation)
    low, high = integer_limits(activation, output.dtype)
    return np.where(values < low, low, np.where(values > high, high, values))


__all__ = ["BINARY", "UNARY", "add", "binary", "cast", "clamp", "unary"]
