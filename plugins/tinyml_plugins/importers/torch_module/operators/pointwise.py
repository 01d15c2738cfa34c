"""Pointwise operators."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.fx import Node

from tinyml_plugins.importers.onnx.network import Array, Attribute
from tinyml_plugins.importers.torch_module.operators.call import Call, Operand, Rule, Step, number, shape_of


def same(op_type: str, **attributes: Attribute) -> Rule:
    """An operator of one tensor that ONNX has too; booleans and integers keep their type."""
    return lambda call: Step(op_type, (call["self"],), attributes)


def real(op_type: str, **attributes: Attribute) -> Rule:
    """A function of one tensor that is computed in float32."""
    return lambda call: Step(op_type, (call.as_type(call["self"], torch.float32),), attributes)


def two(op_type: str, *, floats: bool = False) -> Rule:
    """An operator of two tensors or numbers; ``floats``: computed in float32 also for integers."""
    return lambda call: Step(op_type, call.promoted("self", "other", least=torch.float32 if floats else None))


def logic(op_type: str) -> Rule:
    """An operator of two conditions."""
    return lambda call: Step(op_type, (_condition(call, "self"), _condition(call, "other")))


def invert(call: Call) -> Step:
    """logical_not, and bitwise_not of booleans."""
    if call.node.target is torch.ops.aten.bitwise_not.default and call["self"].meta["val"].dtype is not torch.bool:
        raise call.unsupported("inverts the bits of integers")
    return Step("Not", (_condition(call, "self"),))


def bits(op_type: str) -> Rule:
    """A bitwise operator of booleans."""

    def rule(call: Call) -> Step:
        if call.node.meta["val"].dtype is not torch.bool:
            raise call.unsupported("combines the bits of integers")
        return Step(op_type, call.promoted("self", "other"))

    return rule


def _condition(call: Call, name: str) -> Operand:
    return call.as_type(call[name], torch.bool)


def add(call: Call) -> Step:
    """Add and sub, the second operand times alpha."""
    left, right = call.promoted("self", "other")
    if call["alpha"] != 1:
        right = Step("Mul", (right, call.as_type(call["alpha"], call.node.meta["val"].dtype)))
    return Step("Sub" if "sub" in str(call.node.target) else "Add", (left, right))


def reversed_subtract(call: Call) -> Step:
    """Rsub."""
    call.demand("alpha", 1)
    left, right = call.promoted("self", "other")
    return Step("Sub", (right, left))


def not_equal(call: Call) -> Step:
    """Ne."""
    return Step("Not", (Step("Equal", call.promoted("self", "other")),))


def divide(call: Call) -> Step:
    """Div with a rounding mode."""
    mode = call["rounding_mode"]
    quotient = Step("Div", call.promoted("self", "other", least=torch.float32 if mode is None else None))
    if mode is None:
        return quotient
    if not call.node.meta["val"].dtype.is_floating_point or mode != "floor":
        raise call.unsupported(f"divides by mode {mode} in {call.node.meta['val'].dtype}")
    return Step("Floor", (quotient,))


def power(call: Call) -> Step:
    """pow; a square is a product."""
    if not isinstance(call["self"], Node):
        return Step("Pow", call.promoted("self", "exponent"))
    base, exponent = call.promoted("self", "exponent")
    return Step("Mul", (base, base)) if call["exponent"] == 2 else Step("Pow", (base, exponent))


def clip(low: str | float | None, high: str | float | None) -> Rule:
    """Bounds are numbers, or names of arguments, which may be None."""

    def rule(call: Call) -> Step:
        dtype = call.node.meta["val"].dtype
        bounds = (call[bound] if isinstance(bound, str) else bound for bound in (low, high))
        limits = (None if bound is None else call.as_type(bound, dtype) for bound in bounds)
        return Step("Clip", (call.as_type(call["self"], dtype), *limits))

    return rule


def clip_by_tensors(call: Call) -> Step:
    """Clamp by tensors, which broadcast."""
    value: Operand = call["self"]
    for name, op_type in (("min", "Max"), ("max", "Min")):
        if call[name] is not None:
            value = Step(op_type, (value, call[name]))
    return value if isinstance(value, Step) else Step("Identity", (value,))


def leaky_relu(call: Call) -> Step:
    """leaky_relu."""
    return Step("LeakyRelu", (call["self"],), {"alpha": float(call["negative_slope"])})


def elu(call: Call) -> Step:
    """Elu and, with a scale, selu."""
    call.demand("input_scale", 1, 1.0)
    scale, alpha = float(call["scale"]), float(call["alpha"])
    result = Step("Elu", (call["self"],), {"alpha": alpha})
    return result if scale == 1 else Step("Mul", (result, number(scale)))


def celu(call: Call) -> Step:
    """Celu."""
    return Step("Celu", (call["self"],), {"alpha": float(call["alpha"])})


def gelu(call: Call) -> Step:
    """gelu, exact or by a hyperbolic tangent."""
    return Step("Gelu", (call["self"],), {"approximate": str(call["approximate"]).encode()})


def prelu(call: Call) -> Step:
    """prelu, one slope for all or one per channel."""
    weight, rank = call["weight"], len(call.shape)
    if shape_of(weight) != (1,) and rank > 2:
        weight = Step("Reshape", (weight, np.array([-1, *[1] * (rank - 2)], np.int64)))
    return Step("PRelu", (call["self"], weight))


def softplus(call: Call) -> Step:
    """softplus; beyond a threshold of 15 or more the difference is below that of float32."""
    beta, threshold = float(call["beta"]), float(call["threshold"])
    if threshold < 15 or beta <= 0:
        raise call.unsupported(f"has beta={beta:g}, threshold={threshold:g}")
    if beta == 1:
        return Step("Softplus", (call["self"],))
    return Step("Div", (Step("Softplus", (Step("Mul", (call["self"], number(beta))),)), number(beta)))


def log_sigmoid(call: Call) -> Step:
    """log_sigmoid."""
    return Step("Neg", (Step("Softplus", (Step("Neg", (call["self"],)),)),))


def shrink(soft: bool) -> Rule:
    """Softshrink and hardshrink."""

    def rule(call: Call) -> Step:
        limit = float(call["lambd"])
        return Step("Shrink", (call["self"],), {"lambd": limit, "bias": limit if soft else 0.0})

    return rule


def logarithm(base: float) -> Rule:
    """log2 and log10."""
    return lambda call: Step("Mul", (Step("Log", (call["self"],)), number(1 / math.log(base))))


def exp2(call: Call) -> Step:
    """The powers of two."""
    return Step("Exp", (Step("Mul", (call["self"], number(math.log(2)))),))


def rsqrt(call: Call) -> Step:
    """Rsqrt."""
    return Step("Reciprocal", (Step("Sqrt", (call["self"],)),))


def where(call: Call) -> Step:
    """Where."""
    return Step("Where", (_condition(call, "condition"), *call.promoted("self", "other")))


def cast(call: Call) -> Step:
    """A copy, maybe in another type."""
    return Step("Identity", (call.as_type(call["self"], call["dtype"] or call["self"].meta["val"].dtype),))


def full_like(call: Call) -> Array:
    """A constant of another tensor's shape."""
    value = call.as_type(call["fill_value"], call.node.meta["val"].dtype)
    assert isinstance(value, np.ndarray)
    return np.full(call.shape, value)


POINTWISE: dict[str, Rule] = {
    **{f"{name}.default": same(op_type) for name, op_type in {
        "abs": "Abs", "ceil": "Ceil", "floor": "Floor", "neg": "Neg", "round": "Round", "sign": "Sign",
    }.items()},
    **{f"{name}.default": real(op_type) for name, op_type in {
        "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh",
        "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "log": "Log", "mish": "Mish",
        "reciprocal": "Reciprocal", "sigmoid": "Sigmoid", "silu": "Swish", "sin": "Sin", "sinh": "Sinh",
        "selu": "Selu", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh", "hardswish": "HardSwish",
    }.items()},
    **{f"{name}.{kind}": two(op_type) for kind in ("Tensor", "Scalar") for name, op_type in {
        "mul": "Mul", "eq": "Equal", "ge": "GreaterOrEqual", "gt": "Greater", "le": "LessOrEqual", "lt": "Less",
        "remainder": "Mod",
    }.items()},
    **{f"{name}.default": two(op_type) for name, op_type in {"maximum": "Max", "minimum": "Min"}.items()},
    **{f"logical_{name}.default": logic(name.title()) for name in ("and", "or", "xor")},
    **{
        f"bitwise_{name}.{kind}": bits(name.title()) for kind in ("Tensor", "Scalar") for name in ("and", "or", "xor")
    },
    **{f"{name}.{kind}": add for kind in ("Tensor", "Scalar") for name in ("add", "sub")},
    **{f"div.{kind}": two("Div", floats=True) for kind in ("Tensor", "Scalar")},
    **{f"div.{kind}_mode": divide for kind in ("Tensor", "Scalar")},
    **{f"ne.{kind}": not_equal for kind in ("Tensor", "Scalar")},
    **{f"rsub.{kind}": reversed_subtract for kind in ("Tensor", "Scalar")},
    **{f"pow.{kind}": power for kind in ("Scalar", "Tensor_Scalar", "Tensor_Tensor")},
    "_to_copy.default": cast,
    "bitwise_not.default": invert,
    "celu.default": celu,
    "clamp.Tensor": clip_by_tensors,
    "clamp.default": clip("min", "max"),
    "clamp_max.default": clip(None, "max"),
    "clamp_min.default": clip("min", None),
    "elu.default": elu,
    "exp2.default": exp2,
    "full_like.default": full_like,
    "gelu.default": gelu,
    "hardshrink.default": shrink(soft=False),
    "hardsigmoid.default": real("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hardtanh.default": clip("min_val", "max_val"),
    "leaky_relu.default": leaky_relu,
    "log10.default": logarithm(10),
    "log2.default": logarithm(2),
    "log_sigmoid.default": log_sigmoid,
    "logical_not.default": invert,
    "prelu.default": prelu,
    "relu.default": clip(0.0, None),
    "relu6.default": clip(0.0, 6.0),
    "rsqrt.default": rsqrt,
    "softplus.default": softplus,
    "softshrink.default": shrink(soft=True),
    "where.self": where,
}  # fmt: skip
