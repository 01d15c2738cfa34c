"""Operators that move elements: most of them vanish, since only the note of the layout changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Pad, Reshape
from tinyml_core.graph.tensor import DType
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import NHWC, Flattened, Variable, moves_nothing


def identity(call: Call, emitter: Emitter) -> Variable:
    """Identity."""
    return call.variable(0)


def dropout(call: Call, emitter: Emitter) -> Variable:
    """Dropout for inference, where it does nothing."""
    training = call.optional(2)
    if training is not None and training.data.any():
        raise call.unsupported("is in training mode", "export the network for inference")
    return call.variable(0)


def transpose(call: Call, emitter: Emitter) -> Variable:
    """Transpose: the elements stay, the note of the layout changes."""
    variable = emitter.plain(call.variable(0))
    rank = len(variable.axes)
    permutation = call.node.integers("perm", tuple(reversed(range(rank))))
    if sorted(permutation) != list(range(rank)):
        raise InputError(f"perm {list(permutation)[:9]} does not suit rank {rank}", place=call.node.place)
    return replace(variable, axes=tuple(permutation.index(axis) for axis in variable.axes))


def reshape(call: Call, emitter: Emitter) -> Variable:
    """Reshape to a constant shape."""
    wanted = call.indices(1)
    assert wanted is not None
    source = emitter.shape(call.variable(0))
    if any(size == 0 and index >= len(source) for index, size in enumerate(wanted)) or wanted.count(-1) > 1:
        raise InputError(f"has the shape {list(wanted)[:9]}", place=call.node.place)
    if not call.node.integer("allowzero", 0):
        wanted = tuple(source[index] if size == 0 else size for index, size in enumerate(wanted))
    if -1 in wanted:
        rest = -math.prod(wanted)
        if rest < 1 or math.prod(source) % rest:
            raise InputError(f"{list(source)} cannot become {list(wanted)[:9]}", place=call.node.place)
        wanted = tuple(math.prod(source) // rest if size == -1 else size for size in wanted)
    return _reshaped(call, emitter, wanted)


def flatten(call: Call, emitter: Emitter) -> Variable:
    """Flatten to two axes."""
    source = emitter.shape(call.variable(0))
    axis = call.node.integer("axis", 1)
    if not -len(source) <= axis <= len(source):
        raise InputError(f"has axis {axis} for a tensor of rank {len(source)}", place=call.node.place)
    axis = axis + len(source) if axis < 0 else axis
    return _reshaped(call, emitter, (math.prod(source[:axis]), math.prod(source[axis:])))


def squeeze(call: Call, emitter: Emitter) -> Variable:
    """Squeeze axes of size 1."""
    source = emitter.shape(call.variable(0))
    given = call.indices(1)
    axes = [index for index, size in enumerate(source) if size == 1] if given is None else _axes(call, given, source)
    if any(source[axis] != 1 for axis in axes):
        raise InputError(f"axes {list(axes)[:9]} of {list(source)} are not all of size 1", place=call.node.place)
    return _reshaped(call, emitter, [size for index, size in enumerate(source) if index not in axes])


def unsqueeze(call: Call, emitter: Emitter) -> Variable:
    """Insert axes of size 1."""
    source = list(emitter.shape(call.variable(0)))
    given = call.indices(1)
    assert given is not None
    if len(given) > 4:
        raise InputError(f"inserts {len(given)} axes", place=call.node.place)
    shape = [1] * (len(source) + len(given))
    axes = _axes(call, given, shape)
    for index in range(len(shape)):
        if index not in axes:
            shape[index] = source.pop(0)
    return _reshaped(call, emitter, shape)


def _axes(call: Call, given: Sequence[int], shape: Sequence[int]) -> list[int]:
    rank = len(shape)
    if any(not -rank <= axis < rank for axis in given) or len({axis % rank for axis in given}) != len(given):
        raise InputError(f"has the axes {list(given)[:9]} for rank {rank}", place=call.node.place)
    return [axis % rank for axis in given]


def _reshaped(call: Call, emitter: Emitter, shape: Sequence[int]) -> Variable:
    """The input under another shape, in the order of the source's elements."""
    variable = call.variable(0)
    source, shape = emitter.shape(variable), tuple(shape)
    if shape == source:
        return variable
    if math.prod(shape) != math.prod(source) or any(size < 1 for size in shape):
        raise InputError(f"{list(source)} cannot become {list(shape)[:9]}", place=call.node.place)
    variable = emitter.plain(variable)
    moves = not moves_nothing(emitter.tensor(variable).shape, variable.source_axes)
    if moves and len(shape) == 2 and shape[0] == source[0] and variable.axes[0] == 0:
        order = Flattened(source[1:], tuple(axis - 1 for axis in variable.axes[1:]))
        return replace(emitter.emit(call, Reshape(shape), [variable.handle], (0, 1)), flattened=order)
    handle = emitter.laid_out(variable, range(len(source))) if moves else variable.handle
    axes = NHWC if len(shape) == 4 and moves_nothing(shape, NHWC) else tuple(range(len(shape)))
    return emitter.emit(call, Reshape(tuple(shape[axis] for axis in axes)), [handle], axes)


def pad(call: Call, emitter: Emitter) -> Variable:
    """Pad with a constant, or with what lies at the border."""
    if (mode := call.node.text("mode", "constant")) not in ("constant", "reflect", "edge", "wrap"):
        raise call.unsupported(f"pads by mode {mode[:80]!r}")
    variable = emitter.plain(call.variable(0))
    rank = len(variable.axes)
    pads, given = call.indices(1), call.indices(3)
    axes = list(range(rank)) if given is None else _axes(call, given, variable.axes)
    if pads is None or len(pads) != 2 * len(axes) or min(pads, default=0) < 0:
        raise InputError("has pads that do not suit its axes, or negative ones", place=call.node.place)
    around = [(0, 0)] * rank
    for index, axis in enumerate(axes):
        around[axis] = (pads[index], pads[index + len(axes)])
    value = call.optional(2)
    fill = 0.0 if value is None or not value.data.size or mode != "constant" else float(value.real.ravel()[0])
    if variable.dtype in (DType.INT8, DType.UINT8):
        tensor = emitter.tensor(variable)
        fill = (fill - 128 * (variable.dtype is DType.UINT8) - tensor.zero_point) * tensor.scale
    elif variable.dtype is not DType.FLOAT32 and value is not None and float(value.data.ravel()[0]) != fill:
        raise call.unsupported(f"pads with {fill:g}, which float32 does not hold exactly")
    elif emitter.tensor(variable).quantization is not None and fill:
        raise call.unsupported("pads quantised numbers with something else than zeros")
    if not any(any(pair) for pair in around):
        return variable
    op = Pad(tuple(around[axis] for axis in variable.axes), mode, fill)
    return emitter.emit(call, op, [variable.handle], variable.axes)
