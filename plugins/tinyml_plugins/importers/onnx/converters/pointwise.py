"""Pointwise operators: functions of one, two and any number of operands, comparisons, logic, Where and Cast."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from onnx import TensorProto

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Add, Select
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.onnx.converters.composition import binary, cast, number, pointwise, unary
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Constant, Value, Variable

Convert = Callable[[Call, Emitter], Variable]
TYPES: Mapping[int, DType] = {
    TensorProto.FLOAT: DType.FLOAT32,
    TensorProto.INT32: DType.INT32,
    TensorProto.INT64: DType.INT64,
    TensorProto.BOOL: DType.BOOL,
}
"""Types whose numbers stand for themselves on the device."""


def function(name: str, **parameters: float) -> Convert:
    """A function of one operand; ``parameters``, in order, are attributes and their defaults."""

    def convert(call: Call, emitter: Emitter) -> Variable:
        values = [call.node.number(attribute, default) for attribute, default in parameters.items()]
        return unary(call, emitter, name, call.variable(0), *values)

    return convert


def gelu(call: Call, emitter: Emitter) -> Variable:
    """Gelu, exact or by a hyperbolic tangent."""
    kinds = {"none": "gelu", "tanh": "gelu_tanh"}
    if (kind := call.node.text("approximate", "none")) not in kinds:
        raise call.unsupported(f"approximates by {kind[:80]!r}")
    return unary(call, emitter, kinds[kind], call.variable(0))


def two(name: str) -> Convert:
    """A function of two operands."""
    return lambda call, emitter: binary(call, emitter, name, call.operand(0), call.operand(1))


def add(call: Call, emitter: Emitter) -> Variable:
    """Add, broadcast."""
    return pointwise(call, emitter, Add(activation=call.activation), call.operand(0), call.operand(1))


def extremum(name: str) -> Convert:
    """Max and Min of any number of operands; quantised ones first take the scale of the result, which is exact."""

    def convert(call: Call, emitter: Emitter) -> Variable:
        operands = [call.operand(index) for index in range(len(call.inputs))]
        if call.quantization is not None:
            operands = [emitter.requantized(call, operand) for operand in operands]
        return _folded(call, emitter, operands, lambda left, right: binary(call, emitter, name, left, right))

    return convert


def total(call: Call, emitter: Emitter) -> Variable:
    """Sum of any number of operands."""
    operands = [call.operand(index) for index in range(len(call.inputs))]
    return _folded(call, emitter, operands, lambda left, right: pointwise(call, emitter, Add(), left, right))


def mean(call: Call, emitter: Emitter) -> Variable:
    """Mean of any number of operands."""
    return binary(call, emitter, "divide", total(call, emitter), number(len(call.inputs)))


def _folded(call: Call, emitter: Emitter, values: list[Value], step: Callable[[Value, Value], Variable]) -> Variable:
    # Variables first: a step of constants only would have to be computed here.
    result = functools.reduce(step, sorted(values, key=lambda value: isinstance(value, Constant)))
    assert isinstance(result, Variable)
    return result


def modulo(call: Call, emitter: Emitter) -> Variable:
    """Mod: the sign is the divisor's, or with fmod the dividend's."""
    name = "remainder" if call.node.integer("fmod", 0) else "modulo"
    return binary(call, emitter, name, call.operand(0), call.operand(1))


def power(call: Call, emitter: Emitter) -> Variable:
    """Pow: computed in float32 where one operand is float32; the result has the base's type."""
    base, exponent = call.operand(0), call.operand(1)
    kinds = {_dtype(base), _dtype(exponent)}
    if len(kinds) == 1:
        return binary(call, emitter, "power", base, exponent)
    common = DType.FLOAT32 if DType.FLOAT32 in kinds else DType.INT64
    result = binary(
        call, emitter, "power", cast(call, emitter, base, common), cast(call, emitter, exponent, common)
    )  # fmt: skip
    value = cast(call, emitter, result, _dtype(base))
    assert isinstance(value, Variable)
    return value


def _dtype(value: Value) -> DType:
    if isinstance(value, Variable):
        return value.dtype
    return DType.FLOAT32 if value.quantization is not None else DType(value.data.dtype.name)


def clip(call: Call, emitter: Emitter) -> Variable:
    """Clip whose limits are computed, or that limits integers: the lower limit first, then the upper."""
    value: Value = call.variable(0)
    for index, name in zip((1, 2), ("maximum", "minimum"), strict=True):
        if index < len(call.inputs) and call.inputs[index] is not None:
            value = binary(call, emitter, name, value, call.operand(index))
    assert isinstance(value, Variable)
    return value


def where(call: Call, emitter: Emitter) -> Variable:
    """Where."""
    return pointwise(call, emitter, Select(), call.operand(0), call.operand(1), call.operand(2))


def cast_to(call: Call, emitter: Emitter) -> Variable:
    """Cast to float32, int32, int64 or bool."""
    return _cast(call, emitter, call.node.integer("to", 0))


def cast_like(call: Call, emitter: Emitter) -> Variable:
    """CastLike: to the type of the second input."""
    kinds = {dtype: code for code, dtype in TYPES.items()}
    like = call.operand(1)
    name = like.dtype.value if isinstance(like, Variable) else like.data.dtype.name
    return _cast(call, emitter, next((code for kind, code in kinds.items() if kind.value == name), 0))


def _cast(call: Call, emitter: Emitter, code: int) -> Variable:
    if code not in TYPES:
        raise call.unsupported(f"casts to the type {code}; float32, int32, int64 and bool are known")
    value = cast(call, emitter, call.variable(0), TYPES[code])
    assert isinstance(value, Variable)
    return value


def prelu(call: Call, emitter: Emitter) -> Variable:
    """PRelu, whose slope broadcasts to the operand."""
    left, right = call.operand(0), call.operand(1)
    result = binary(call, emitter, "prelu", left, right)
    if emitter.shape(result) != (emitter.shape(left) if isinstance(left, Variable) else left.data.shape):
        raise InputError("has a slope larger than its operand", place=call.node.place)
    return result


FUNCTIONS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "Abs": ("abs", {}), "Acos": ("acos", {}), "Acosh": ("acosh", {}), "Asin": ("asin", {}), "Asinh": ("asinh", {}),
    "Atan": ("atan", {}), "Atanh": ("atanh", {}), "Ceil": ("ceil", {}), "Celu": ("celu", {"alpha": 1.0}),
    "Cos": ("cos", {}), "Cosh": ("cosh", {}), "Elu": ("elu", {"alpha": 1.0}), "Erf": ("erf", {}), "Exp": ("exp", {}),
    "Floor": ("floor", {}), "HardSigmoid": ("hard_sigmoid", {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": ("hard_swish", {}), "LeakyRelu": ("leaky_relu", {"alpha": 0.01}), "Log": ("log", {}),
    "Mish": ("mish", {}), "Neg": ("negate", {}), "Not": ("not", {}), "Reciprocal": ("reciprocal", {}),
    "Round": ("round", {}), "Selu": ("selu", {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
    "Shrink": ("shrink", {"lambd": 0.5, "bias": 0.0}), "Sigmoid": ("sigmoid", {}), "Sign": ("sign", {}),
    "Sin": ("sin", {}), "Sinh": ("sinh", {}), "Softplus": ("softplus", {}), "Softsign": ("softsign", {}),
    "Sqrt": ("sqrt", {}), "Swish": ("swish", {"alpha": 1.0}), "Tan": ("tan", {}), "Tanh": ("tanh", {}),
    "ThresholdedRelu": ("thresholded_relu", {"alpha": 1.0}),
}  # fmt: skip
"""Operators of one operand: the function, its attributes and their defaults."""
COMPARISONS = {
    "Equal": "equal", "Greater": "greater", "GreaterOrEqual": "greater_equal", "Less": "less",
    "LessOrEqual": "less_equal", "And": "and", "Or": "or", "Xor": "xor",
}  # fmt: skip
ARITHMETIC = {"Div": "divide", "Mul": "multiply", "Sub": "subtract"}
