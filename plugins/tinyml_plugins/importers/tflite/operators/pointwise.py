"""Converters of functions of one or two operands, choices, reductions and normalisations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyml_core.graph.operators import ArgReduce, Binary, Cast, L2Norm, LogSoftmax, Reduce, Select, Unary
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.operators.window import activation_of
from tinyml_plugins.importers.tflite.options import (
    ActivationOptions,
    ArgOptions,
    CastOptions,
    GeluOptions,
    LeakyReluOptions,
    NoOptions,
    ReducerOptions,
    ShapeOptions,
    SubOptions,
)
from tinyml_plugins.importers.tflite.schema import TYPE_NAMES


def unary(function: str) -> Callable[[Call, NoOptions], None]:
    """A function of one operand."""

    def convert(call: Call, options: NoOptions) -> None:
        call.emit(Unary(function), call.input())

    return convert


def bounded(function: str, scale: float, zero_point: int) -> Callable[[Call, NoOptions], None]:
    """A function whose int8 results have one scale by definition, which runtimes assume without looking."""

    def convert(call: Call, options: NoOptions) -> None:
        output, fixed = call.output, Quantization((scale,), (zero_point,))
        if output.dtype is DType.INT8 and output.quantization != fixed:
            raise call.refuse(f"has an output of another scale than {scale} with zero point {zero_point}")
        call.emit(Unary(function), call.input())

    return convert


def binary(function: str) -> Callable[[Call, NoOptions], None]:
    """A function of two operands, broadcast."""

    def convert(call: Call, options: NoOptions) -> None:
        call.emit(Binary(function), call.input(0), call.input(1))

    return convert


def arithmetic(function: str) -> Callable[[Call, ActivationOptions | SubOptions], None]:
    """A function of two operands with a fused activation."""

    def convert(call: Call, options: ActivationOptions | SubOptions) -> None:
        activation = activation_of(call, options.fused_activation)
        call.emit(Binary(function, activation), call.input(0), call.input(1))

    return convert


def elu(call: Call, options: NoOptions) -> None:
    """ELU, which has no parameter here."""
    call.emit(Unary("elu", alpha=1.0), call.input())


def leaky_relu(call: Call, options: LeakyReluOptions) -> None:
    """LEAKY_RELU."""
    if not np.isfinite(options.alpha):
        raise call.damaged(f"has alpha {options.alpha}")
    call.emit(Unary("leaky_relu", alpha=options.alpha), call.input())


def gelu(call: Call, options: GeluOptions) -> None:
    """GELU, exact or by the hyperbolic tangent."""
    call.emit(Unary("gelu_tanh" if options.approximate else "gelu"), call.input())


def select(call: Call, options: NoOptions) -> None:
    """SELECT and SELECT_V2; the former broadcasts otherwise, so that its shapes must agree."""
    condition, left, right = call.input(0), call.input(1), call.input(2)
    if call.name == "SELECT" and not condition.shape == left.shape == right.shape:
        raise call.refuse("chooses between operands of different shapes, which only SELECT_V2 may")
    call.emit(Select(), condition, left, right)


def cast(call: Call, options: CastOptions) -> None:
    """CAST."""
    call.emit(Cast(call.output.dtype.value), call.input())


def reduce(function: str) -> Callable[[Call, ReducerOptions], None]:
    """A reduction over constant axes."""

    def convert(call: Call, options: ReducerOptions) -> None:
        source = call.input()
        call.emit(Reduce(function, call.axes(call.integers(1), len(source.shape)), options.keep_dims), source)

    return convert


def arg(*, least: bool) -> Callable[[Call, ArgOptions], None]:
    """ARG_MAX and ARG_MIN."""

    def convert(call: Call, options: ArgOptions) -> None:
        source, output = call.input(), call.output
        declared = TYPE_NAMES[options.output_type] if 0 <= options.output_type < len(TYPE_NAMES) else ""
        if declared != output.dtype.name or output.dtype not in (DType.INT32, DType.INT64):
            raise call.damaged(f"declares output type number {options.output_type}, it has {output.dtype.value}")
        axis = call.axis(call.integer(1), len(source.shape))
        call.emit(ArgReduce(axis, least, dtype=output.dtype.value), source)

    return convert


def l2_normalisation(call: Call, options: ActivationOptions) -> None:
    """L2_NORMALIZATION along the last axis."""
    call.require_no_activation(options.fused_activation)
    call.emit(L2Norm(), call.input())


def log_softmax(call: Call, options: NoOptions) -> None:
    """LOG_SOFTMAX along the last axis."""
    call.emit(LogSoftmax(), call.input())


def shape(call: Call, options: ShapeOptions) -> None:
    """SHAPE, which is a constant."""
    output = call.output
    if output.dtype not in (DType.INT32, DType.INT64) or output.elements != len(call.any_input(0).shape):
        raise call.damaged(f"gives the shape as {output.dtype.value}{list(output.shape)}")
    call.fold(np.array(call.any_input(0).shape, output.dtype.numpy), None)
