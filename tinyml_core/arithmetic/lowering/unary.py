"""Lowering of functions of one operand: for int8 a table of the 256 possible results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.requantisation import place_of, require_activations
from tinyml_core.arithmetic.lowering.unary_int16 import Int16UnaryLowering, lower_int16_unary
from tinyml_core.arithmetic.lowering.unary_tflite import TABLES
from tinyml_core.arithmetic.real_functions import FUNCTIONS
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node, Rounding
from tinyml_core.graph.operators import Unary
from tinyml_core.graph.tensor import DType, Tensor


@dataclass(frozen=True, eq=False)
class TableLowering:
    """``table[x + 128]`` [256] is the output for an input ``x``."""

    table: npt.NDArray[np.int8]


def lower_unary(node: Node, graph: Graph) -> TableLowering | Int16UnaryLowering:
    """Lower an int8 or int16 :class:`Unary`.

    In ``tflite`` rounding the table holds what TensorFlow Lite Micro's integer kernel computes, where it has one for
    these scales; else the function's value in double precision, rounded once.

    Raises:
        UnsupportedError: operands are of other types, the function is one of booleans, or TensorFlow Lite Micro's
            kernel cannot represent the scales.
    """
    assert isinstance(node.op, Unary)
    (source,) = graph.inputs_of(node)
    (output,) = graph.outputs_of(node)
    if require_activations(node, [source, output]) is DType.INT16:
        return lower_int16_unary(node, graph)
    if node.op.function not in FUNCTIONS:
        raise UnsupportedError(f"computes {node.op.function!r}, which is none of numbers", place=place_of(node))
    if graph.rounding is Rounding.TFLITE and node.op.function in TABLES:
        table = TABLES[node.op.function](node, source, output)
        if table is not None:
            return TableLowering(np.clip(table, -128, 127).astype(np.int8))
    return TableLowering(rounded_table(node.op, source, output))


def rounded_table(op: Unary, source: Tensor, output: Tensor) -> npt.NDArray[np.int8]:
    """The function in double precision, divided by the output's scale and rounded, halves away from zero.

    Where it has no value the result is the least integer.
    """
    inputs = source.scale * (np.arange(-128, 128) - source.zero_point).astype(np.float64)
    with np.errstate(all="ignore"):
        quotient = FUNCTIONS[op.function](inputs, op.alpha, op.beta) / output.scale
    bounded = np.clip(np.nan_to_num(quotient, nan=-np.inf), -1024, 1024)
    rounded = np.copysign(np.floor(np.abs(bounded) + 0.5), bounded)
    table: npt.NDArray[np.int8] = np.clip(rounded + output.zero_point, -128, 127).astype(np.int8)
    return table
