"""Arrays of real numbers to a tensor's integers and back, as the quantize and dequantize operators do it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinyml_core.errors import InputError
from tinyml_core.graph.tensor import DType, Tensor

Array = npt.NDArray[Any]


def quantise_array(values: Array, tensor: Tensor) -> Array:
    """``values`` (any shape) as integers of ``tensor``: divided in float32, halves away from zero, saturated.

    Raises:
        InputError: ``values`` are no real numbers, hold NaN, or ``tensor`` has no single scale.
    """
    _require_scale(tensor)
    if values.dtype.kind not in "iuf":
        raise InputError(f"cannot be quantised from {values.dtype}", place=f"tensor {tensor.name!r}")
    with np.errstate(over="ignore"):
        real = values.astype(np.float32)
    if np.isnan(real).any():
        raise InputError("cannot be quantised from values that are not numbers", place=f"tensor {tensor.name!r}")
    return from_real(real, tensor.scale, tensor.zero_point, tensor.dtype)


def dequantise_array(values: Array, tensor: Tensor) -> npt.NDArray[np.float32]:
    """The float32 values that integers (any shape) of ``tensor`` stand for.

    Raises:
        InputError: ``values`` are not of the tensor's type, or it has no single scale.
    """
    _require_scale(tensor)
    if values.dtype != tensor.dtype.numpy:
        raise InputError(f"has type {tensor.dtype.value}, not {values.dtype}", place=f"tensor {tensor.name!r}")
    return to_real(values, tensor.scale, tensor.zero_point)


def from_real(values: npt.NDArray[np.float32], scale: float, zero_point: int, dtype: DType) -> Array:
    """Integers of real numbers; a NaN becomes the least one."""
    low, high = dtype.limits
    with np.errstate(over="ignore"):
        quotient = (values / np.float32(scale)).astype(np.float64)
    # In double, so that adding a half is exact.
    rounded = np.where(quotient < 0, np.ceil(quotient - 0.5), np.floor(quotient + 0.5))
    return np.clip(np.where(np.isnan(rounded), low, rounded + zero_point), low, high).astype(dtype.numpy)


def to_real(values: Array, scale: float, zero_point: int) -> npt.NDArray[np.float32]:
    """``scale * (values - zero_point)`` in float32."""
    shifted = (values.astype(np.int64) - zero_point).astype(np.float32)
    return np.multiply(np.float32(scale), shifted, dtype=np.float32)


def _require_scale(tensor: Tensor) -> None:
    if tensor.quantization is None or len(tensor.quantization.scale) != 1:
        raise InputError("has no single scale", place=f"tensor {tensor.name!r}")
