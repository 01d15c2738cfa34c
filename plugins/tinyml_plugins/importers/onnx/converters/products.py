"""Products of matrices of which either may be computed, and Gemm where its operands are no plain weights and bias."""

from __future__ import annotations

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Add, MatMul
from tinyml_plugins.importers.onnx.converters.composition import (
    as_variable,
    binary,
    number,
    pointwise,
    reshaped,
    source_order,
)
from tinyml_plugins.importers.onnx.converters.linear import dense_gemm, dense_matmul
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Constant, Variable


def matmul(call: Call, emitter: Emitter) -> Variable:
    """MatMul; a vector is a matrix of one row on the left, of one column on the right."""
    left, right = call.operand(0), call.operand(1)
    if isinstance(left, Variable) and isinstance(right, Constant) and right.data.ndim == 2 and len(left.axes) > 1:
        return dense_matmul(call, emitter)
    rows, columns = (as_variable(call, emitter, operand) for operand in (left, right))
    row, column = len(rows.axes) == 1, len(columns.axes) == 1
    if not rows.axes or not columns.axes:
        raise InputError("multiplies a single number", place=call.node.place)
    if row:
        rows = reshaped(call, emitter, rows, (1, *emitter.shape(rows)))
    if column:
        columns = reshaped(call, emitter, columns, (*emitter.shape(columns), 1))
    result = _product(call, emitter, rows, columns, MatMul(activation=call.activation))
    shape = emitter.shape(result)
    if row or column:
        shape = (*shape[:-2], *([] if row else shape[-2:-1]), *([] if column else shape[-1:]))
        return reshaped(call, emitter, result, shape)
    return result


def gemm(call: Call, emitter: Emitter) -> Variable:
    """Gemm."""
    left, right = call.operand(0), call.operand(1)
    added = call.inputs[2] if len(call.inputs) > 2 else None
    row = added is None or (isinstance(added, Constant) and (added.data.ndim < 2 or added.data.shape[0] == 1))
    if isinstance(left, Variable) and isinstance(right, Constant) and row and not call.node.integer("transA", 0):
        return dense_gemm(call, emitter)
    if call.quantization is not None:
        raise call.unsupported("multiplies quantised numbers by something else than weights with one bias per column")
    rows, columns = (as_variable(call, emitter, operand) for operand in (left, right))
    op = MatMul(
        transpose_left=bool(call.node.integer("transA", 0)), transpose_right=bool(call.node.integer("transB", 0))
    )
    alpha, beta = call.node.number("alpha", 1.0), call.node.number("beta", 1.0)
    result = _product(call, emitter, rows, columns, op)
    if alpha != 1.0:
        result = binary(call, emitter, "multiply", result, number(alpha))
    if added is None:
        return result
    if beta != 1.0:
        added = binary(call, emitter, "multiply", as_variable(call, emitter, added), number(beta))
    shape = emitter.shape(result)
    result = pointwise(call, emitter, Add(), result, added)
    if emitter.shape(result) != shape:
        raise InputError(f"adds shape {list(emitter.shape(result))} to {list(shape)}", place=call.node.place)
    return result


def _product(call: Call, emitter: Emitter, left: Variable, right: Variable, op: MatMul) -> Variable:
    handles = [source_order(emitter, left), source_order(emitter, right)]
    return emitter.emit(call, op, handles, range(max(len(left.axes), len(right.axes))))
