"""Operators that move, choose, repeat and join elements."""

from __future__ import annotations

import torch

from tinyml_plugins.importers.onnx.network import Attribute
from tinyml_plugins.importers.torch_module.operators.call import Call, Rule, Step, integers, number, shape_of

LAST = 1 << 62
"""Beyond the end of every axis."""


def reshape(call: Call) -> Step:
    """Whatever changes the shape only."""
    return Step("Reshape", (call["self"], integers(*call.shape)))


def permute(call: Call) -> Step:
    """Permute."""
    rank = len(call.shape)
    return Step("Transpose", (call["self"],), {"perm": tuple(int(axis) % rank for axis in call["dims"])})


def transpose(call: Call) -> Step:
    """Two axes exchanged."""
    order = list(range(len(call.shape)))
    first, second = int(call["dim0"]), int(call["dim1"])
    order[first], order[second] = order[second], order[first]
    return Step("Transpose", (call["self"],), {"perm": tuple(order)})


def pad(call: Call) -> Step:
    """Padding by a constant, or by what lies at the border."""
    modes = {"constant": b"constant", "reflect": b"reflect", "replicate": b"edge", "circular": b"wrap"}
    if (mode := call.arguments.get("mode", "constant")) not in modes:
        raise call.unsupported(f"pads by mode {mode}")
    shape, given = shape_of(call["self"]), [int(size) for size in call["pad"]]
    rank = len(shape)
    before, after = [0] * rank, [0] * rank
    for index in range(len(given) // 2):  # from the last axis on
        before[rank - 1 - index], after[rank - 1 - index] = given[2 * index : 2 * index + 2]
    value = call["self"]
    if min(given, default=0) < 0:
        ends = [size + min(pad, 0) for size, pad in zip(shape, after, strict=True)]
        value = _sliced(call, [max(-pad, 0) for pad in before], ends, list(range(rank)), [1] * rank)
    pads = integers(*(max(pad, 0) for pad in (*before, *after)))
    return Step("Pad", (value, pads, number(call["value"] or 0.0)), {"mode": modes[mode]})


def same(call: Call) -> Step:
    """Whatever returns its input."""
    return Step("Identity", (call["self"],))


def dropout(call: Call) -> Step:
    """dropout, which does nothing in evaluation mode."""
    if call["train"]:
        raise call.unsupported("drops at random; pass training=self.training")
    return Step("Identity", (call["input"],))


def _sliced(call: Call, starts: list[int], ends: list[int], axes: list[int], steps: list[int]) -> Step:
    return Step("Slice", (call["self"], *(integers(*each) for each in (starts, ends, axes, steps))))


def slice_(call: Call) -> Step:
    """Slice."""
    if shape_of(call["self"]) == call.shape:
        return Step("Identity", (call["self"],))
    start, end = call["start"] or 0, LAST if call["end"] is None else call["end"]
    return _sliced(call, [int(start)], [min(int(end), LAST)], [int(call["dim"])], [int(call["step"])])


def select(call: Call) -> Step:
    """One index of an axis."""
    shape, axis = shape_of(call["self"]), int(call["dim"])
    index = int(call["index"]) % shape[axis]
    return Step("Reshape", (_sliced(call, [index], [index + 1], [axis], [1]), integers(*call.shape)))


def flip(call: Call) -> Step:
    """Axes read backwards."""
    axes = [int(axis) for axis in call["dims"]]
    return _sliced(call, [-1] * len(axes), [-LAST] * len(axes), axes, [-1] * len(axes))


def split(call: Call) -> Step:
    """split, chunk and unbind: pieces along an axis."""
    axis = int(call["dim"])
    sizes = [int(value.shape[axis]) for value in call.node.meta["val"]]
    return Step("Split", (call["self"], integers(*sizes)), {"axis": axis}, outputs=len(sizes))


def concat(call: Call) -> Step:
    """Cat."""
    axis = int(call["dim"]) % len(call.shape)
    dtype = call.node.meta["val"].dtype
    return Step("Concat", tuple(call.as_type(value, dtype) for value in call["tensors"]), {"axis": axis})


def expand(call: Call) -> Step:
    """Expand."""
    return Step("Expand", (call["self"], integers(*call.shape)))


def repeat(call: Call) -> Step:
    """Repeat."""
    shape, times = shape_of(call["self"]), [int(count) for count in call["repeats"]]
    wide = Step("Reshape", (call["self"], integers(*[1] * (len(times) - len(shape)), *shape)))
    return Step("Tile", (wide, integers(*times)))


def index(call: Call) -> Step:
    """Indexing by one tensor of integers."""
    chosen = [(axis, value) for axis, value in enumerate(call["indices"]) if value is not None]
    if len(chosen) != 1 or chosen[0][1].meta["val"].dtype is torch.bool:
        raise call.unsupported("is indexed by several tensors, or by conditions")
    axis, indices = chosen[0]
    return Step("Gather", (call["self"], indices), {"axis": axis})


def gather(table: str, indices: str) -> Rule:
    """Rows of a table, or indices of an axis."""
    return lambda call: Step(
        "Gather", (call[table], call[indices]), {"axis": int(call.arguments.get("dim", 0))}
    )  # fmt: skip


def blocks(op_type: str, factor: str) -> Rule:
    """Channels to blocks of pixels and back."""

    def rule(call: Call) -> Step:
        attributes: dict[str, Attribute] = {"blocksize": int(call[factor]), "mode": b"CRD"}
        return Step(op_type, (call["self"],), attributes)

    return rule


MOVEMENT: dict[str, Rule] = {
    **{f"{name}.default": same for name in ("alias", "clone", "contiguous", "detach", "lift_fresh_copy")},
    **dict.fromkeys((
        "_unsafe_view.default", "flatten.using_ints", "reshape.default", "squeeze.default", "squeeze.dim",
        "squeeze.dims", "unflatten.int", "unsqueeze.default", "view.default",
    ), reshape),
    "cat.default": concat,
    "chunk.default": split,
    "constant_pad_nd.default": pad,
    "dropout.default": dropout,
    "embedding.default": gather("weight", "indices"),
    "expand.default": expand,
    "flip.default": flip,
    "index.Tensor": index,
    "index_select.default": gather("self", "index"),
    "native_dropout.default": dropout,
    "pad.default": pad,
    "permute.default": permute,
    "pixel_shuffle.default": blocks("DepthToSpace", "upscale_factor"),
    "pixel_unshuffle.default": blocks("SpaceToDepth", "downscale_factor"),
    "repeat.default": repeat,
    "select.int": select,
    "slice.Tensor": slice_,
    "split.Tensor": split,
    "split_with_sizes.default": split,
    "t.default": lambda call: Step("Transpose", (call["self"],)),
    "transpose.int": transpose,
}  # fmt: skip
