"""Converters of operators that move elements and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyml_core.graph.operators import Pad, Reshape, Transpose
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.options import MirrorPadOptions, NoOptions, ReshapeOptions, SqueezeOptions


def pad(call: Call, options: NoOptions) -> None:
    """PAD, and PADV2 with a constant of the input's quantisation."""
    call.emit(Pad(_around(call), value=_padding_value(call) if call.has(2) else 0.0), call.input())


def mirror_pad(call: Call, options: MirrorPadOptions) -> None:
    """MIRROR_PAD without the edge, or with it."""
    if options.mode not in (0, 1):
        raise call.refuse(f"has mode number {options.mode}, which is neither REFLECT nor SYMMETRIC")
    call.emit(Pad(_around(call), mode="symmetric" if options.mode else "reflect"), call.input())


def _around(call: Call) -> tuple[tuple[int, int], ...]:
    amounts, rank = call.integers(1), len(call.input().shape)
    if call.any_input(1).shape != (rank, 2):
        raise call.damaged(f"has paddings of shape {list(call.any_input(1).shape)} for a tensor of {rank} axes")
    return tuple(zip(amounts[::2], amounts[1::2], strict=True))


def _padding_value(call: Call) -> float:
    """The real number that PADV2 surrounds with, one that the output represents exactly."""
    source, value = call.input(0), call.input(2)
    if (value.dtype, value.quantization) != (source.dtype, source.quantization):
        raise call.refuse("pads with a number of another type or scale, which is not known")
    if value.data is None or value.elements != 1:
        raise call.refuse("pads with something else than a constant number, which is not known")
    number = float(value.data.item())
    return number if value.quantization is None else value.scale * (number - value.zero_point)


def reshape(call: Call, options: ReshapeOptions) -> None:
    """RESHAPE to a constant shape; a computed one is what the output declares, since no size is open."""
    wanted: Sequence[int] | None = options.new_shape or None
    if call.has(1):
        wanted = call.integers(1) if call.any_input(1).data is not None else None
    _move(call, None if wanted is None else _resolved(call, wanted))


def _resolved(call: Call, wanted: Sequence[int]) -> tuple[int, ...]:
    """``wanted`` with its -1, if there is one, replaced."""
    elements, known = call.input().elements, math.prod(size for size in wanted if size != -1)
    if wanted.count(-1) > 1 or known < 1 or (-1 in wanted and elements % known):
        raise call.damaged(f"asks for the shape {list(wanted)[:8]}, which {elements} elements cannot have")
    return tuple(elements // known if size == -1 else size for size in wanted)


def squeeze(call: Call, options: SqueezeOptions) -> None:
    """SQUEEZE: without axes, every axis of size 1."""
    shape = call.input().shape
    axes = call.axes(options.squeeze_dims, len(shape)) or [axis for axis, size in enumerate(shape) if size == 1]
    if any(shape[axis] != 1 for axis in axes):
        raise call.damaged(f"drops axes {list(axes)} of the shape {list(shape)}, which are not all of size 1")
    _move(call, tuple(size for axis, size in enumerate(shape) if axis not in axes))


def expand_dims(call: Call, options: NoOptions) -> None:
    """EXPAND_DIMS at a constant axis."""
    shape = call.input().shape
    axes = call.axes(call.integers(1), len(shape) + 1)
    if len(axes) != 1:
        raise call.damaged(f"adds {len(axes)} axes, one is needed")
    _move(call, (*shape[: axes[0]], 1, *shape[axes[0] :]))


def transpose(call: Call, options: NoOptions) -> None:
    """TRANSPOSE; one that only changes the place of axes of size 1 moves nothing."""
    source, order = call.any_input(0), call.integers(1)
    if sorted(order) != list(range(len(source.shape))):
        raise call.damaged(f"has the order {list(order)[:8]} for a tensor of {len(source.shape)} axes")
    moving = [axis for axis in order if source.shape[axis] > 1]
    if moving == sorted(moving):
        _move(call, tuple(source.shape[axis] for axis in order))
    else:
        call.emit(Transpose(order), call.input())


def _move(call: Call, shape: tuple[int, ...] | None) -> None:
    """The input under the output's shape, which must be ``shape`` where that is known."""
    source, output = call.any_input(0), call.output
    if shape is not None and shape != output.shape:
        raise call.damaged(f"computes {list(shape)[:8]}, but its output has shape {list(output.shape)}")
    same = (source.dtype, source.elements, source.quantization) == (output.dtype, output.elements, output.quantization)
    if source.data is not None and same:
        call.fold(source.data, output.quantization)
    else:
        call.emit(Reshape(output.shape), call.input())
