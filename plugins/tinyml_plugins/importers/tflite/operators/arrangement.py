"""Converters of operators that take tensors apart, put them together, or repeat and resize them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinyml_core.graph.operators import Concat, Expand, Gather, Reshape, Resize, Slice, Split, Tile
from tinyml_core.graph.tensor import Tensor
from tinyml_plugins.importers.tflite.assembly import Call
from tinyml_plugins.importers.tflite.options import (
    ConcatenationOptions,
    GatherOptions,
    NoOptions,
    PackOptions,
    ResizeBilinearOptions,
    ResizeNearestOptions,
    SplitOptions,
    StridedSliceOptions,
    UnpackOptions,
)


def concatenation(call: Call, options: ConcatenationOptions) -> None:
    """CONCATENATION."""
    call.require_no_activation(options.fused_activation)
    tensors = call.inputs()
    call.emit(Concat(call.axis(options.axis, len(tensors[0].shape))), *tensors)


def pack(call: Call, options: PackOptions) -> None:
    """PACK: every input gets an axis of size 1, along which they are put together."""
    tensors, output = call.inputs(), call.output
    axis = call.axis(options.axis, len(output.shape))
    if options.values_count != len(tensors):
        raise call.damaged(f"has {len(tensors)} inputs, declares {options.values_count}")
    shape = (*output.shape[:axis], 1, *output.shape[axis + 1 :])
    parts = [call.reshaped(tensor, shape, f"_{index}") for index, tensor in enumerate(tensors)]
    call.emit(Concat(axis), *parts)


def unpack(call: Call, options: UnpackOptions) -> None:
    """UNPACK: the pieces of an axis, without it."""
    source, outputs = call.input(), call.outputs
    axis = call.axis(options.axis, len(source.shape))
    if not options.num == len(outputs) == source.shape[axis]:
        raise call.damaged(f"has {len(outputs)} outputs, declares {options.num}, for an axis of {source.shape[axis]}")
    shape = (*source.shape[:axis], 1, *source.shape[axis + 1 :])
    pieces = [call.assembly.new(f"{output.name}_piece", shape, output) for output in outputs]
    call.emit(Split(axis, (1,) * len(outputs)), source, outputs=pieces)
    for index, (piece, output) in enumerate(zip(pieces, outputs, strict=True)):
        call.emit(Reshape(output.shape), piece, outputs=[output], part=f"_{index}")


def split(call: Call, options: SplitOptions) -> None:
    """SPLIT into equal parts; the axis comes first."""
    source, count = call.input(1), len(call.outputs)
    axis = call.axis(call.integer(0), len(source.shape))
    if options.num_splits != count or source.shape[axis] % count:
        raise call.damaged(f"cuts an axis of {source.shape[axis]} into {options.num_splits}, has {count} outputs")
    call.emit(Split(axis, (source.shape[axis] // count,) * count), source, outputs=call.outputs)


def split_v(call: Call, options: SplitOptions) -> None:
    """SPLIT_V into parts of given sizes, one of which may be -1 for the rest."""
    source, sizes = call.input(0), list(call.integers(1))
    axis = call.axis(call.integer(2), len(source.shape))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = source.shape[axis] - (sum(sizes) + 1)
    if options.num_splits != len(sizes) or len(call.outputs) != len(sizes):
        raise call.damaged(f"has {len(call.outputs)} outputs for {len(sizes)} sizes, declares {options.num_splits}")
    call.emit(Split(axis, tuple(sizes)), source, outputs=call.outputs)


def slice_(call: Call, options: NoOptions) -> None:
    """SLICE; size -1 reaches to the end."""
    source, starts, sizes = call.input(), call.integers(1), call.integers(2)
    if not len(source.shape) == len(starts) == len(sizes):
        raise call.damaged(f"has {len(starts)} starts and {len(sizes)} sizes for {len(source.shape)} axes")
    resolved = tuple(
        whole - start if size == -1 else size for whole, start, size in zip(source.shape, starts, sizes, strict=True)
    )
    call.emit(Slice(starts, resolved, (1,) * len(starts)), source)


def strided_slice(call: Call, options: StridedSliceOptions) -> None:
    """STRIDED_SLICE: bounds as Python's slices have them; masked ones are open."""
    if options.ellipsis_mask or options.new_axis_mask or options.offset:
        raise call.refuse("has an ellipsis, a new axis or an end relative to the start, which are not known")
    source, bounds = call.input(), [call.integers(position) for position in (1, 2, 3)]
    if any(len(values) != len(source.shape) for values in bounds) or 0 in bounds[2]:
        raise call.damaged(f"has unsuitable bounds for {len(source.shape)} axes")
    starts, sizes, steps, kept = [], [], [], []
    for axis, (whole, begin, end, step) in enumerate(zip(source.shape, *bounds, strict=True)):
        bit = 1 << axis
        if options.shrink_axis_mask & bit:
            taken: Sequence[int] = range(whole)[begin : begin + 1 or None]
        else:
            first, last = None if options.begin_mask & bit else begin, None if options.end_mask & bit else end
            taken = range(whole)[first:last:step]
            kept.append(len(taken))
        if not taken:
            raise call.damaged(f"takes nothing of axis {axis}")
        starts.append(taken[0])
        sizes.append(len(taken))
        steps.append(step if len(taken) > 1 else 1)
    call.emit_reshaped(Slice(tuple(starts), tuple(sizes), tuple(steps)), source, shape=tuple(sizes), wanted=tuple(kept))


def gather(call: Call, options: GatherOptions) -> None:
    """GATHER."""
    if options.batch_dims:
        raise call.refuse(f"has {options.batch_dims} batch axes, which are not known")
    source = call.input()
    call.emit(Gather(call.axis(options.axis, len(source.shape))), source, call.input(1))


def tile(call: Call, options: NoOptions) -> None:
    """TILE."""
    call.emit(Tile(call.integers(1)), call.input())


def broadcast_to(call: Call, options: NoOptions) -> None:
    """BROADCAST_TO."""
    call.emit(Expand(call.integers(1)), call.input())


def resize(method: str) -> Callable[[Call, ResizeBilinearOptions | ResizeNearestOptions], None]:
    """RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

    def convert(call: Call, options: ResizeBilinearOptions | ResizeNearestOptions) -> None:
        rows, columns = call.pair(1)
        if options.align_corners and options.half_pixel_centers:
            raise call.damaged("aligns corners and pixel centres at once")
        coordinates = "align_corners" if options.align_corners else "asymmetric"
        if options.half_pixel_centers:
            coordinates = "half_pixel"
        rounding = "floor" if coordinates == "asymmetric" else "half_up"
        call.emit(Resize((rows, columns), method, coordinates, rounding), _image(call))

    return convert


def _image(call: Call) -> Tensor:
    image = call.input()
    if len(image.shape) != 4:
        raise call.damaged(f"has an input of shape {list(image.shape)}, four axes are needed")
    return image
