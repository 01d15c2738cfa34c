"""Convolutions, dense layers and products of matrices."""

from __future__ import annotations

from tinyml_plugins.importers.onnx.network import Attribute
from tinyml_plugins.importers.torch_module.operators.call import Call, Rule, Step


def convolution(axes: int) -> Rule:
    """A convolution over ``axes`` axes."""

    def rule(call: Call) -> Step:
        sizes: dict[str, Attribute] = {name + "s": call.sizes(name, count=axes) for name in ("stride", "dilation")}
        if isinstance(call["padding"], str):
            sizes["auto_pad"] = {"same": b"SAME_UPPER", "valid": b"VALID"}[call["padding"]]
        else:
            sizes["pads"] = call.sizes("padding", count=axes) * 2
        return Step("Conv", (call["input"], call["weight"], call["bias"]), {**sizes, "group": int(call["groups"])})

    return rule


def transposed_convolution(axes: int) -> Rule:
    """A transposed convolution over ``axes`` axes."""

    def rule(call: Call) -> Step:
        sizes: dict[str, Attribute] = {name + "s": call.sizes(name, count=axes) for name in ("stride", "dilation")}
        sizes["pads"] = call.sizes("padding", count=axes) * 2
        sizes["output_padding"] = call.sizes("output_padding", count=axes)
        inputs = (call["input"], call["weight"], call["bias"])
        return Step("ConvTranspose", inputs, {**sizes, "group": int(call["groups"])})

    return rule


def linear(call: Call) -> Step:
    """Linear."""
    return Step("Gemm", (call["input"], call["weight"], call["bias"]), {"transB": 1})


def addmm(call: Call) -> Step:
    """Addmm."""
    factors = {"alpha": float(call["alpha"]), "beta": float(call["beta"])}
    return Step("Gemm", (call["mat1"], call["mat2"], call["self"]), factors)


def product(right: str) -> Rule:
    """A product of matrices."""
    return lambda call: Step("MatMul", (call["self"], call[right]))


LINEAR: dict[str, Rule] = {
    "addmm.default": addmm,
    "bmm.default": product("mat2"),
    "conv1d.default": convolution(1),
    "conv1d.padding": convolution(1),
    "conv2d.default": convolution(2),
    "conv2d.padding": convolution(2),
    "conv_transpose1d.default": transposed_convolution(1),
    "conv_transpose2d.input": transposed_convolution(2),
    "linear.default": linear,
    "matmul.default": product("other"),
    "mm.default": product("mat2"),
}
