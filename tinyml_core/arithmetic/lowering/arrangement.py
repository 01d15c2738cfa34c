"""Checks of the operators that arrange elements: whatever they mean, the integers stay as they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyml_core.arithmetic.lowering.movement import MoveLowering
from tinyml_core.arithmetic.lowering.requantisation import place_of, require_quantised
from tinyml_core.errors import UnsupportedError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Concat, Gather, Slice
from tinyml_core.graph.tensor import DType, Quantization, Tensor


def require_unchanged(node: Node, graph: Graph) -> None:
    """Check that all tensors a node moves elements between have one type, one scale and one zero point.

    Weights with a scale for each index along an axis are cut and put together with their scales.

    Raises:
        UnsupportedError: they differ, or one has a scale for each channel; names the tensors.
    """
    sources = graph.inputs_of(node)[: 1 if isinstance(node.op, Gather) else None]
    first, *others = [*sources, *graph.outputs_of(node)]
    if _keeps_channels(node, graph):
        return
    if first.quantization is not None and len(first.quantization.scale) != 1:
        raise UnsupportedError(f"needs one scale for the whole of {first.name!r}", place=place_of(node))
    for tensor in others:
        if (tensor.dtype, tensor.quantization) != (first.dtype, first.quantization):
            raise UnsupportedError(
                f"scale and zero point of {first.name!r} and {tensor.name!r} differ",
                place=place_of(node),
                remedy="put a quantize node between them",
            )


def _keeps_channels(node: Node, graph: Graph) -> bool:
    """Whether weights with a scale for each index are cut, or put together along that axis, and their scales too."""
    sources, output = graph.inputs_of(node), graph.outputs_of(node)[0]
    if isinstance(node.op, Concat):
        parts = [source.quantization for source in sources]
        if any(part is None or part.axis != node.op.axis or any(part.zero_point) for part in parts):
            return False
        scales = [scale for part in parts if part for scale in part.scale]
        return output.quantization == Quantization.per_channel(scales, node.op.axis)
    return _is_slice_of_weights(node, sources[0], output)


def _is_slice_of_weights(node: Node, source: Tensor, output: Tensor) -> bool:
    scales, op = source.quantization, node.op
    if not isinstance(op, Slice) or scales is None or scales.axis is None or any(scales.zero_point):
        return False
    start, size, step = (each[scales.axis] for each in (op.starts, op.sizes, op.steps))
    if len(scales.scale) == 1:
        return source.dtype is output.dtype and scales == output.quantization
    kept = [scales.scale[start + index * step] for index in range(size)]
    return source.dtype is output.dtype and output.quantization == Quantization.per_channel(kept, scales.axis)


def lower_arrangement(node: Node, graph: Graph) -> MoveLowering:
    """Lower a quantised node that arranges elements.

    Raises:
        UnsupportedError: it moves no quantised integers, or as :func:`require_unchanged` and :func:`constant_indices`.
    """
    if not _keeps_channels(node, graph):
        require_quantised(node, graph.outputs_of(node), [dtype for dtype in DType if dtype.is_integer])
    require_unchanged(node, graph)
    if isinstance(node.op, Gather):
        constant_indices(node, graph)
    return MoveLowering(graph.outputs_of(node)[0].zero_point)


def constant_indices(node: Node, graph: Graph) -> npt.NDArray[np.int64] | None:
    """The indices of a :class:`Gather`, none negative; None when they are known on the device only.

    Raises:
        UnsupportedError: one lies outside the axis.
    """
    assert isinstance(node.op, Gather)
    source, indices = graph.inputs_of(node)
    if indices.data is None:
        return None
    size = source.shape[node.op.axis]
    positions = indices.data.astype(np.int64)
    outside = positions[(positions < -size) | (positions >= size)]
    if outside.size:
        raise UnsupportedError(f"index {int(outside[0])} leaves an axis of {size}", place=place_of(node))
    return np.where(positions < 0, positions + size, positions)
