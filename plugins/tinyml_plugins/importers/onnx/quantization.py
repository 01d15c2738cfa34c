"""Quantisation parameters as QuantizeLinear and DequantizeLinear carry them; uint8 is read as int8 less 128."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.graph.tensor import DType, Quantization
from tinyml_plugins.importers.onnx.network import Array, Node

KNOWN = {"axis", "block_size", "saturate", "output_dtype"}


@dataclass(frozen=True)
class Parameters:
    """Scales and zero points of the integers as the file holds them."""

    quantization: Quantization
    dtype: str

    def on_device(self, node: Node) -> tuple[Quantization, DType]:
        """The quantisation of an activation in int8, and its type in the file.

        Raises:
            UnsupportedError: integers of another width, or a scale per channel.
        """
        if self.dtype not in ("int8", "uint8"):
            raise UnsupportedError(f"has activations of type {self.dtype}; int8 and uint8 are known", place=node.place)
        if self.quantization.axis is not None:
            raise UnsupportedError("has activations with a scale per channel", place=node.place)
        point = self.quantization.zero_point[0] - (128 if self.dtype == "uint8" else 0)
        return Quantization.per_tensor(self.quantization.scale[0], point), DType(self.dtype)


def parameters(node: Node, constants: Mapping[str, Array], integers: Array | None = None) -> Parameters:
    """The parameters of a QuantizeLinear or DequantizeLinear; ``integers`` is what it reads where that is constant.

    Raises:
        InputError: scales or zero points are missing, no numbers, or do not suit each other or ``integers``.
        UnsupportedError: they are no constants, or quantise in blocks.
    """
    if not 2 <= len(node.inputs) <= 3 or len(node.outputs) != 1:
        raise InputError(f"has {len(node.inputs)} inputs and {len(node.outputs)} outputs", place=node.place)
    unknown = sorted(set(node.attributes) - KNOWN)
    if unknown or node.integer("block_size", 0) or node.integer("output_dtype", 0):
        raise UnsupportedError(f"has {unknown[0] if unknown else 'block_size or output_dtype'!r}", place=node.place)
    for name in filter(None, node.inputs[1:]):
        if name not in constants:
            raise UnsupportedError(f"computes its scale or zero point {name!r}; constants are known", place=node.place)
    scale = constants.get(node.inputs[1])
    point = constants.get(node.inputs[2]) if len(node.inputs) == 3 else None
    if scale is None or scale.dtype != np.float32 or scale.ndim > 1 or scale.size == 0:
        raise UnsupportedError("needs float32 scales, one or one per channel", place=node.place)
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise InputError("has a scale that is not a positive finite number", place=node.place)
    dtype = (
        point.dtype.name
        if point is not None
        else integers.dtype.name
        if integers is not None
        else "uint8"  # what the standard says
    )
    if dtype not in ("int8", "uint8", "int16", "uint16", "int32") or (integers is not None and integers.dtype != dtype):
        raise InputError(f"has a zero point of type {dtype}, which does not suit what it reads", place=node.place)
    points = np.zeros(scale.size, np.int64) if point is None else point.astype(np.int64).ravel()
    if points.size not in (1, scale.size) or (point is not None and point.ndim > 1):
        raise InputError(f"has {scale.size} scales and {points.size} zero points", place=node.place)
    points = np.broadcast_to(points, scale.size)
    rank = 1 if integers is None else integers.ndim
    axis = node.integer("axis", 1)
    if scale.size == 1:
        return Parameters(Quantization.per_tensor(float(scale.ravel()[0]), int(points[0])), dtype)
    if integers is None:
        return Parameters(Quantization(_floats(scale), _integers(points), 0), dtype)
    if not -rank <= axis < rank or integers.shape[axis] != scale.size:
        raise InputError(f"has {scale.size} scales along axis {axis} of {list(integers.shape)}", place=node.place)
    return Parameters(Quantization(_floats(scale), _integers(points), axis % rank), dtype)


def has_constant_scale(node: Node, constants: Mapping[str, Array]) -> bool:
    """Whether a QuantizeLinear or DequantizeLinear of activations has one constant scale and eight bits."""
    if any(name and name not in constants for name in node.inputs[1:]):
        return False
    found = parameters(node, constants)
    return found.quantization.axis is None and found.dtype in ("int8", "uint8")


def quantized(values: Array, chosen: Parameters) -> Array:
    """``values`` as integers: divided in float32 and rounded half to even, as ONNX says."""
    quotient = values.astype(np.float32) / np.float32(chosen.quantization.scale[0])
    info = np.iinfo(chosen.dtype)
    rounded = np.rint(np.nan_to_num(quotient).astype(np.float64)) + chosen.quantization.zero_point[0]
    integers: Array = np.clip(rounded, info.min, info.max).astype(chosen.dtype)
    return integers


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values.ravel())


def _integers(values: Array) -> tuple[int, ...]:
    return tuple(int(value) for value in values.ravel())
