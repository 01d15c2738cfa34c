"""Operators that arrange elements: Concat, Split, Slice, Gather, Expand, Tile, depth and space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml_core.errors import InputError
from tinyml_core.graph.operators import Concat, Expand, Gather, Slice, Split, Tile
from tinyml_plugins.importers.onnx.converters.composition import as_variable, axes_of, reshaped, shape_of, source_order
from tinyml_plugins.importers.onnx.emission import Call, Emitter
from tinyml_plugins.importers.onnx.values import Constant, Variable


def concat(call: Call, emitter: Emitter) -> Variable:
    """Concat; quantised operands first take the scale of the result."""
    operands = [call.operand(index) for index in range(len(call.inputs))]
    if call.quantization is not None:
        operands = [emitter.requantized(call, operand) for operand in operands]
    variables = [emitter.plain(as_variable(call, emitter, operand)) for operand in operands]
    axes = next(v for v, operand in zip(variables, operands, strict=True) if isinstance(operand, Variable)).axes
    (axis,) = axes_of(call, (call.node.integer("axis", 0),), len(axes))
    if any(len(variable.axes) != len(axes) for variable in variables):
        raise InputError("joins tensors of different ranks", place=call.node.place)
    handles = [emitter.laid_out(variable, axes) for variable in variables]
    return emitter.emit(call, Concat(axis=axes.index(axis)), handles, axes)


def split(call: Call, emitter: Emitter) -> tuple[Variable, ...]:
    """Split into the given sizes, or into equal parts of which the last may be smaller."""
    value = emitter.plain(call.variable(0))
    shape = emitter.shape(value)
    (axis,) = axes_of(call, (call.node.integer("axis", 0),), len(shape))
    sizes = call.indices(1)
    if sizes is None:
        count = call.node.integer("num_outputs", len(call.node.outputs))
        if count < 1 or count != len(call.node.outputs):
            raise InputError(f"makes {count} parts for {len(call.node.outputs)} outputs", place=call.node.place)
        part = -(-shape[axis] // count)
        sizes = (*[part] * (count - 1), shape[axis] - part * (count - 1))
    if len(sizes) != len(call.node.outputs) or min(sizes, default=0) < 1:
        raise call.unsupported(f"splits into the sizes {list(sizes)[:9]}")
    op = Split(value.axes.index(axis), tuple(sizes))
    return emitter.emit_all(call, op, [value.handle], value.axes)


def slice_(call: Call, emitter: Emitter) -> Variable:
    """Slice with constant limits."""
    value = emitter.plain(call.variable(0))
    shape = emitter.shape(value)
    starts, ends = call.indices(1), call.indices(2)
    assert starts is not None
    assert ends is not None
    given, steps = call.indices(3), call.indices(4)
    axes = axes_of(call, tuple(range(len(starts))) if given is None else given, len(shape))
    steps = (1,) * len(axes) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise InputError("has starts, ends, axes and steps that do not suit each other", place=call.node.place)
    whole = [range(size) for size in shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        whole[axis] = range(shape[axis])[start:end:step]
    if any(len(each) == 0 for each in whole):
        raise call.unsupported("leaves nothing")
    own = [whole[axis] for axis in value.axes]
    op = Slice(tuple(e.start for e in own), tuple(len(e) for e in own), tuple(e.step for e in own))
    return emitter.emit(call, op, [value.handle], value.axes)


def gather(call: Call, emitter: Emitter) -> Variable:
    """Gather; the indices may be computed."""
    value, indices = as_variable(call, emitter, call.operand(0)), as_variable(call, emitter, call.operand(1))
    (axis,) = axes_of(call, (call.node.integer("axis", 0),), len(value.axes))
    constant = call.operand(1)
    size = emitter.shape(value)[axis]
    if isinstance(constant, Constant) and (np.abs(constant.data * 2 + 1) > 2 * size).any():
        raise InputError(f"reads beyond an axis of {size}", place=call.node.place)
    handles = [source_order(emitter, value), source_order(emitter, indices)]
    rank = len(value.axes) + len(indices.axes) - 1
    return emitter.emit(call, Gather(axis=axis), handles, range(rank))


def expand(call: Call, emitter: Emitter) -> Variable:
    """Expand to a constant shape; both broadcast to one another."""
    value, wanted = call.variable(0), call.indices(1)
    assert wanted is not None
    try:
        shape = np.broadcast_shapes(emitter.shape(value), wanted)
    except ValueError:
        raise InputError(f"{emitter.shape(value)} does not broadcast to {wanted[:9]}", place=call.node.place) from None
    if shape == emitter.shape(value):
        return value
    return emitter.emit(call, Expand(tuple(shape)), [source_order(emitter, value)], range(len(shape)))


def tile(call: Call, emitter: Emitter) -> Variable:
    """Tile by constant counts."""
    value, repeats = emitter.plain(call.variable(0)), call.indices(1)
    if repeats is None or len(repeats) != len(value.axes) or min(repeats, default=1) < 1:
        raise call.unsupported("has repeats that do not suit its rank, or leave nothing")
    return emitter.emit(call, Tile(tuple(repeats[axis] for axis in value.axes)), [value.handle], value.axes)


def depth_to_space(call: Call, emitter: Emitter) -> Variable:
    """DepthToSpace: channels become blocks of pixels."""
    n, c, h, w, block = _blocks(call, emitter)
    mode = call.node.text("mode", "DCR")
    if c % block**2 or mode not in ("DCR", "CRD"):
        raise InputError(f"has mode {mode[:80]!r}, {c} channels and blocks of {block}", place=call.node.place)
    rest = c // block**2
    if mode == "DCR":
        return _moved(call, emitter, (n, block, block, rest, h, w), (0, 3, 4, 1, 5, 2), (n, rest, h * block, w * block))
    return _moved(call, emitter, (n, rest, block, block, h, w), (0, 1, 4, 2, 5, 3), (n, rest, h * block, w * block))


def space_to_depth(call: Call, emitter: Emitter) -> Variable:
    """SpaceToDepth: blocks of pixels become channels, the blocks outermost (DCR) or the channels (CRD)."""
    n, c, h, w, block = _blocks(call, emitter)
    mode = call.node.text("mode", "DCR")
    if h % block or w % block or mode not in ("DCR", "CRD"):
        raise InputError(f"has mode {mode[:80]!r}, {h} x {w} pixels and blocks of {block}", place=call.node.place)
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    rows, columns = h // block, w // block
    return _moved(call, emitter, (n, c, rows, block, columns, block), order, (n, c * block**2, rows, columns))


def _blocks(call: Call, emitter: Emitter) -> tuple[int, int, int, int, int]:
    shape, block = shape_of(emitter, call.variable(0)), call.node.integer("blocksize", 0)
    if len(shape) != 4 or block < 1:
        raise InputError(f"has blocks of {block} and shape {list(shape)}", place=call.node.place)
    n, c, h, w = shape
    return n, c, h, w, block


def _moved(
    call: Call, emitter: Emitter, shape: Sequence[int], permutation: Sequence[int], final: Sequence[int]
) -> Variable:
    blocks = reshaped(call, emitter, call.variable(0), shape)
    moved = Variable(blocks.handle, blocks.dtype, tuple(permutation.index(axis) for axis in range(len(shape))))
    return reshaped(call, emitter, moved, final)
