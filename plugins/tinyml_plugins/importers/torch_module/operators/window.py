"""Poolings and resizing."""

from __future__ import annotations

from tinyml_plugins.importers.onnx.network import Attribute
from tinyml_plugins.importers.torch_module.operators.call import Call, Rule, Step, integers, shape_of


def _window(call: Call, axes: int) -> dict[str, Attribute]:
    return {
        "kernel_shape": call.sizes("kernel_size", count=axes),
        "strides": call.sizes("stride", "kernel_size", count=axes),
        "pads": call.sizes("padding", count=axes) * 2,
        "ceil_mode": int(call["ceil_mode"]),
    }


def average_pool(axes: int) -> Rule:
    """Average over windows of ``axes`` axes."""

    def rule(call: Call) -> Step:
        if call.arguments.get("divisor_override") is not None:
            call.demand("divisor_override", None)
        counted = int(call["count_include_pad"])
        return Step("AveragePool", (call["self"],), {**_window(call, axes), "count_include_pad": counted})

    return rule


def max_pool(axes: int) -> Rule:
    """Maximum over windows of ``axes`` axes."""

    def rule(call: Call) -> Step:
        dilations = call.sizes("dilation", count=axes)
        return Step("MaxPool", (call["self"],), {**_window(call, axes), "dilations": dilations})

    return rule


def adaptive_pool(op_type: str, axes: int) -> Rule:
    """A pooling to a given size, whose windows must all be of one size."""

    def rule(call: Call) -> Step:
        size, wanted = shape_of(call["self"])[-axes:], call.sizes("output_size", count=axes)
        if any(have % want for have, want in zip(size, wanted, strict=True)):
            raise call.unsupported(f"pools {list(size)} to {list(wanted)}, whose windows differ in size")
        kernel = tuple(have // want for have, want in zip(size, wanted, strict=True))
        if wanted == (1,) * axes:
            return Step(f"Global{op_type}", (call["self"],))
        return Step(op_type, (call["self"],), {"kernel_shape": kernel, "strides": kernel})

    return rule


def _resize(mode: bytes, source: str, rounding: bytes = b"floor") -> Rule:
    def rule(call: Call) -> Step:
        scales = call.arguments.get("scale_factors")
        if scales is None:
            scales = [call.arguments.get("scales_h"), call.arguments.get("scales_w")]
        for have, want, scale in zip(shape_of(call[source])[2:], call.shape[2:], scales, strict=True):
            if scale is not None and have * scale != want:
                raise call.unsupported(f"scales {have} by {scale:g}, which is no whole number of pixels")
        coordinates = b"asymmetric" if rounding == b"floor" and mode == b"nearest" else b"half_pixel"
        if call.arguments.get("align_corners"):
            coordinates = b"align_corners"
        attributes: dict[str, Attribute] = {"mode": mode, "coordinate_transformation_mode": coordinates}
        if mode == b"nearest":
            attributes["nearest_mode"] = rounding
        return Step("Resize", (call[source], None, None, integers(*call.shape)), attributes)

    return rule


WINDOW: dict[str, Rule] = {
    "_adaptive_avg_pool2d.default": adaptive_pool("AveragePool", 2),
    "_upsample_nearest_exact2d.default": _resize(b"nearest", "self", b"round_prefer_ceil"),
    "_upsample_nearest_exact2d.vec": _resize(b"nearest", "input", b"round_prefer_ceil"),
    "adaptive_avg_pool1d.default": adaptive_pool("AveragePool", 1),
    "adaptive_avg_pool2d.default": adaptive_pool("AveragePool", 2),
    "adaptive_max_pool1d.default": adaptive_pool("MaxPool", 1),
    "adaptive_max_pool2d.default": adaptive_pool("MaxPool", 2),
    "avg_pool1d.default": average_pool(1),
    "avg_pool2d.default": average_pool(2),
    "max_pool1d.default": max_pool(1),
    "max_pool2d.default": max_pool(2),
    "max_pool2d_with_indices.default": max_pool(2),
    "upsample_bilinear2d.default": _resize(b"linear", "self"),
    "upsample_bilinear2d.vec": _resize(b"linear", "input"),
    "upsample_nearest2d.default": _resize(b"nearest", "self"),
    "upsample_nearest2d.vec": _resize(b"nearest", "input"),
}
