"""C expressions of pointwise functions, by type of the operands ``x``, ``y`` and ``z``: the table of what there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tinyml_core.arithmetic.elementary import FUNCTIONS
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Add, Binary, Cast, Clamp, Select, Unary
from tinyml_core.graph.tensor import DType
from tinyml_plugins.tinyengine.constants import literal
from tinyml_plugins.tinyengine.kernel import C_TYPES

_COMPARISONS = {
    "equal": "x == y", "greater": "x > y", "greater_equal": "x >= y",
    "less": "x < y", "less_equal": "x <= y", "not_equal": "x != y",
}  # fmt: skip
_ORDER = {"maximum": "x < y ? y : x", "minimum": "y < x ? y : x"}
_FLOAT = {
    **_COMPARISONS, **_ORDER,
    "add": "x + y", "divide": "x / y", "multiply": "x * y", "prelu": "x < 0.0f ? x * y : x", "subtract": "x - y",
    "squared_difference": "(x - y) * (x - y)",
    "modulo": "tinyml_modulo(x, y)", "power": "tinyml_power(x, y)", "remainder": "tinyml_remainder(x, y)",
}  # fmt: skip
_BOOLEAN = {**_COMPARISONS, "and": "(uint8_t)(x & y)", "or": "(uint8_t)(x | y)", "xor": "(uint8_t)(x ^ y)"}


def _integer(dtype: DType) -> dict[str, str]:
    name, ctype = dtype.value, C_TYPES[dtype]
    return {
        **_COMPARISONS,
        **_ORDER,
        **{
            function: f"({ctype})((u{ctype})x {sign} (u{ctype})y)"
            for function, sign in (("add", "+"), ("multiply", "*"), ("subtract", "-"))
        },
        "squared_difference": f"({ctype})(((u{ctype})x - (u{ctype})y) * ((u{ctype})x - (u{ctype})y))",
        "prelu": f"x < 0 ? ({ctype})((u{ctype})x * (u{ctype})y) : x",
        **{function: f"tinyml_{function}_{name}(x, y)" for function in ("divide", "modulo", "power", "remainder")},
    }


def _integer_unary(dtype: DType) -> dict[str, str]:
    ctype = C_TYPES[dtype]
    negated = f"({ctype})(0u - (u{ctype})x)"
    return {"abs": f"x < 0 ? {negated} : x", "negate": negated, "sign": "(x > 0) - (x < 0)"}


BINARY: Mapping[DType, Mapping[str, str]] = {
    DType.FLOAT32: _FLOAT,
    DType.INT32: _integer(DType.INT32),
    DType.INT64: _integer(DType.INT64),
    DType.BOOL: _BOOLEAN,
}
INTEGER_UNARY: Mapping[DType, Mapping[str, str]] = {
    DType.INT32: _integer_unary(DType.INT32),
    DType.INT64: _integer_unary(DType.INT64),
    DType.BOOL: {"not": "!x"},
}


def _add(node: Node, graph: Graph) -> str:
    return BINARY[graph.inputs_of(node)[0].dtype]["add"]


def _binary(node: Node, graph: Graph) -> str:
    assert isinstance(node.op, Binary)
    return BINARY[graph.inputs_of(node)[0].dtype][node.op.function]


def _unary(node: Node, graph: Graph) -> str:
    op, dtype = node.op, graph.inputs_of(node)[0].dtype
    assert isinstance(op, Unary)
    if dtype is not DType.FLOAT32:
        return INTEGER_UNARY[dtype][op.function]
    if op.function == "reciprocal":
        return "1.0f / x"
    parameters = (op.alpha, op.beta)[: FUNCTIONS[op.function][1]]
    return f"tinyml_{op.function}({', '.join(['x', *(literal(np.float32(value)) for value in parameters)])})"


def _cast(node: Node, graph: Graph) -> str:
    assert isinstance(node.op, Cast)
    source, target = graph.inputs_of(node)[0].dtype, DType(node.op.dtype)
    if target is DType.BOOL:
        return "x != 0"
    if source is DType.FLOAT32 and target.is_integer:
        return f"tinyml_cast_{target.value}(x)"
    return "x" if source is target else f"({C_TYPES[target]})x"


EXPRESSIONS: Mapping[type[Operator], Callable[[Node, Graph], str]] = {
    Add: _add,
    Binary: _binary,
    Cast: _cast,
    Clamp: lambda node, graph: "x",
    Select: lambda node, graph: "x ? y : z",
    Unary: _unary,
}
"""The expression of a node's result; the activation comes behind it."""


__all__ = ["BINARY", "EXPRESSIONS", "INTEGER_UNARY"]
