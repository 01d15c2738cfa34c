"""Converters of operators that move blocks of pixels to and from another axis, and of those that run backwards.

Each is a chain of nodes that compute nothing: reshape, transpose, reshape, slice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Reshape, Slice, Transpose
from tinyml_core.graph.tensor import Tensor
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.options import BlockOptions, NoOptions


def depth_to_space(call: Call, options: BlockOptions) -> None:
    """DEPTH_TO_SPACE: [n, h, w, b * b * c] gives [n, h * b, w * b, c]."""
    source, block = call.input(), options.block_size
    n, h, w, c = _image(call, source)
    if block < 1 or c % block**2:
        raise call.damaged(f"cuts {c} channels into blocks of {block}")
    parts = (n, h, w, block, block, c // block**2)
    _chain(call, source, Reshape(parts), Transpose((0, 1, 3, 2, 4, 5)), _joined(parts, (0, 1, 3, 2, 4, 5)))


def space_to_depth(call: Call, options: BlockOptions) -> None:
    """SPACE_TO_DEPTH: [n, h * b, w * b, c] gives [n, h, w, b * b * c]."""
    source, block = call.input(), options.block_size
    n, h, w, c = _image(call, source)
    if block < 1 or h % block or w % block:
        raise call.damaged(f"cuts {h} x {w} pixels into blocks of {block}")
    parts = (n, h // block, block, w // block, block, c)
    joined = Reshape((n, h // block, w // block, block * block * c))
    _chain(call, source, Reshape(parts), Transpose((0, 1, 3, 2, 4, 5)), joined)


def space_to_batch(call: Call, options: NoOptions) -> None:
    """SPACE_TO_BATCH_ND over one or two axes: the places within blocks become the outermost part of the batch."""
    source, blocks, around = call.input(), *_blocks(call)
    if any(map(any, around)):
        raise call.refuse(
            "pads, which TensorFlow Lite Micro does with whatever is in memory",
            remedy="convert with a current TensorFlow, which writes dilated convolutions as such",
        )
    n, *sizes = source.shape
    if any(size % block for size, block in zip(sizes, blocks, strict=False)):
        raise call.damaged(f"cuts {sizes[:-1]} pixels into blocks of {list(blocks)}")
    split = [part for size, block in zip(sizes, blocks, strict=False) for part in (size // block, block)]
    inner, outer = range(2, 1 + len(split), 2), range(1, 1 + len(split), 2)
    joined = (n * math.prod(blocks), *(split[place - 1] for place in outer), sizes[-1])
    chain = (Reshape((n, *split, sizes[-1])), Transpose((*inner, 0, *outer, 1 + len(split))), Reshape(joined))
    _chain(call, source, *chain)


def batch_to_space(call: Call, options: NoOptions) -> None:
    """BATCH_TO_SPACE_ND over one or two axes, the borders cut off."""
    source, blocks, cropped = call.input(), *_blocks(call)
    n, *sizes, c = source.shape
    if n % math.prod(blocks):
        raise call.damaged(f"cuts a batch of {n} into blocks of {list(blocks)}")
    n, count = n // math.prod(blocks), len(blocks)
    whole = (n, *(size * block for size, block in zip(sizes, blocks, strict=True)), c)
    kept = tuple(size - sum(pair) for size, pair in zip(whole[1:-1], cropped, strict=True))
    if min(kept) < 1:
        raise call.damaged(f"cuts {list(cropped)} off {list(whole)}")
    order = (count, *(axis for i in range(count) for axis in (count + 1 + i, i)), 2 * count + 1)
    cut = Slice((0, *(before for before, _ in cropped), 0), (n, *kept, c), (1,) * (count + 2))
    chain = (Reshape((*blocks, n, *sizes, c)), Transpose(order), Reshape(whole))
    _chain(call, source, *chain, *([cut] if any(map(any, cropped)) else []))


def reverse(call: Call, options: NoOptions) -> None:
    """REVERSE_V2 along constant axes."""
    shape = call.input().shape
    axes = call.axes(call.integers(1), len(shape))
    starts = tuple(size - 1 if axis in axes else 0 for axis, size in enumerate(shape))
    call.emit(Slice(starts, shape, tuple(-1 if axis in axes else 1 for axis in range(len(shape)))), call.input())


def _image(call: Call, tensor: Tensor) -> tuple[int, ...]:
    if len(tensor.shape) != 4:
        raise call.damaged(f"has an input of shape {list(tensor.shape)}, four axes are needed")
    return tensor.shape


def _blocks(call: Call) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Block sizes, and what is added or cut before and after each axis."""
    blocks, amounts, rank = call.integers(1), call.integers(2), len(call.input().shape)
    if rank not in (3, 4) or len(blocks) != rank - 2 or len(amounts) != 2 * len(blocks):
        raise call.damaged(f"has {len(blocks)} block sizes and {len(amounts)} amounts for a tensor of {rank} axes")
    if min(*blocks, 1) < 1 or min(amounts) < 0:
        raise call.damaged(f"has blocks {list(blocks)} and amounts {list(amounts)}")
    return blocks, tuple(zip(amounts[::2], amounts[1::2], strict=True))


def _joined(parts: Sequence[int], order: Sequence[int]) -> Reshape:
    """Axes 1 and 2, and 3 and 4, of the permuted ``parts`` made one each."""
    n, h, over, w, across, c = (parts[axis] for axis in order)
    return Reshape((n, h * over, w * across, c))


def _chain(call: Call, source: Tensor, *ops: Operator) -> None:
    """One node after the other; the last computes the output."""
    for index, op in enumerate(ops[:-1]):
        ((shape, _),) = op.infer([source])
        target = call.assembly.new(f"{call.output.name}_{op.kind}", shape, source)
        call.emit(op, source, outputs=[target], part=f"_{index}")
        source = target
    call.emit(ops[-1], source)
