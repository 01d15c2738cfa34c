"""Resize of rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Resize
from tinyml_plugins.importers.onnx.converters.composition import axes_of
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import NHWC, Variable

METHODS = {"nearest": "nearest", "linear": "bilinear"}
COORDINATES = ("half_pixel", "asymmetric", "align_corners")
ROUNDINGS = {
    "round_prefer_floor": "half_down", "round_prefer_ceil": "half_up", "floor": "floor", "ceil": "ceil",
}  # fmt: skip


def resize(call: Call, emitter: Emitter) -> Variable:
    """Resize by the nearest neighbour or linearly, to constant sizes or by constant scales."""
    node, shape = call.node, emitter.shape(call.variable(0))
    method, coordinates = node.text("mode", "nearest"), node.text("coordinate_transformation_mode", "half_pixel")
    rounding = node.text("nearest_mode", "round_prefer_floor")
    target = _target(call, shape)
    if coordinates == "pytorch_half_pixel" and min(target[2:], default=0) > 1:
        coordinates = "half_pixel"
    if method not in METHODS or coordinates not in COORDINATES or rounding not in ROUNDINGS:
        raise call.unsupported(f"resizes by {method[:40]!r}, {coordinates[:40]!r}, {rounding[:40]!r}")
    if node.integer("antialias", 0) or node.integer("exclude_outside", 0):
        raise call.unsupported("smooths or leaves out what lies outside")
    if len(shape) != 4 or target[:2] != shape[:2]:
        raise call.unsupported(f"resizes {list(shape)} to {list(target)}; rows and columns are known")
    op = Resize((target[2], target[3]), METHODS[method], coordinates, ROUNDINGS[rounding])
    return emitter.emit(call, op, [emitter.image(call)], NHWC)


def _target(call: Call, shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of the result."""
    given = call.node.integers("axes", tuple(range(len(shape))))
    axes = axes_of(call, given, len(shape))
    sizes = call.indices(3)
    target = list(shape)
    if sizes:
        if call.node.text("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise call.unsupported("keeps the aspect ratio")
        chosen: Sequence[int] = sizes
    else:
        scales = call.optional(2)
        if scales is None or scales.data.size != len(axes):
            raise InputError("has neither sizes nor scales that suit its axes", place=call.node.place)
        factors = [float(scale) for scale in scales.real.ravel()]
        if not all(0 < factor * shape[axis] < 1 << 20 for factor, axis in zip(factors, axes, strict=True)):
            raise InputError("has scales that do not suit its shape", place=call.node.place)
        chosen = [int(factor * shape[axis]) for factor, axis in zip(factors, axes, strict=True)]
        if any(size != factor * shape[axis] for size, factor, axis in zip(chosen, factors, axes, strict=True)):
            raise call.unsupported("scales to a broken number of pixels", "give it sizes")
    if len(chosen) != len(axes) or min(chosen, default=0) < 1:
        raise InputError("has sizes that do not suit its axes, or none at all", place=call.node.place)
    for axis, size in zip(axes, chosen, strict=True):
        target[axis] = size
    return tuple(target)
