"""remove-constant-channels: channels that provably hold one value for any input go, and their readers absorb them.

Training with weight decay leaves filters of zeros behind; about half the multiply-accumulates of MLPerf Tiny's visual
wake words network compute constants. The result stays the same to the bit, in both roundings: what a removed channel
contributed goes into the int32 bias of its readers (accumulators wrap, so the sum may), and a channel stays where that
contribution is not the same at every position, as it is where a window is partly padding.

Untrained networks are float, and float graphs are left alone: zeros that wait for training are no constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyml_core.arithmetic.requantise import wrap_int32
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Conv2D, DepthwiseConv2D, FullyConnected, Reshape
from tinyml_core.graph.tensor import DType, Tensor
from tinyml_plugins.passes.channels import Reader, Removal
from tinyml_plugins.passes.filters import Bool
from tinyml_plugins.passes.intervals import intervals, tracked
from tinyml_plugins.passes.liveness import without_dead


@dataclass(frozen=True, kw_only=True)
class RemoveConstantChannels:
    """Works on int8 layers; channels whose value no reader needs go with the constant ones."""

    after: tuple[str, ...] = ("drop-identities", "fold-constants", "fold-pad", "fuse-activation")
    """Passes that run before this one."""
    largest: int = 1 << 22
    """Bytes of constants plus channels of all tensors above which a graph is left alone: no flash would hold it."""

    def apply(self, graph: Graph) -> Graph:
        """The graph without such channels; its outputs are the same to the bit for every input."""
        channels = sum(tensor.shape[-1] for tensor in graph.tensors.values() if tracked(tensor))
        if not 0 < channels <= self.largest - graph.constant_bytes:
            return graph
        removal = Removal(graph, intervals(graph))
        removal.decide()
        if not any(going.any() for going in removal.going.values()):
            return graph
        return _rewritten(graph, {name: ~going for name, going in removal.going.items()}, removal.readers)


def _rewritten(graph: Graph, staying: Mapping[str, Bool], readers: Mapping[str, Reader]) -> Graph:
    tensors = {
        name: _sliced(tensor, -1, staying[name]) if name in staying else tensor
        for name, tensor in graph.tensors.items()
    }
    nodes = []
    for node in graph.nodes:
        if isinstance(node.op, Conv2D | DepthwiseConv2D | FullyConnected) and node.outputs[0] in staying:
            node = _layer(node, graph, staying, readers.get(node.name), tensors)
        elif isinstance(node.op, Reshape) and node.outputs[0] in staying:
            shape = (*node.op.shape[:-1], int(staying[node.outputs[0]].sum()))
            node = replace(node, op=replace(node.op, shape=shape))
        nodes.append(node)
    return without_dead(replace(graph, nodes=tuple(nodes), tensors=tensors))


def _layer(
    node: Node, graph: Graph, staying: Mapping[str, Bool], reader: Reader | None, tensors: dict[str, Tensor]
) -> Node:
    inputs, outputs = staying[node.inputs[0]], staying[node.outputs[0]]
    if inputs.all() and outputs.all():
        return node
    weights = graph.tensors[node.inputs[1]]
    if reader is None:
        weights = _sliced(weights, -1, outputs)
        absorbed = np.zeros(len(outputs), np.int64)
    else:
        weights = _sliced(_sliced(weights, 0, outputs), -1, inputs)
        absorbed = reader.absorbed[:, ~inputs].sum(axis=1)
    operands = [_filed(weights, "weights", node, graph, tensors)]
    bias = graph.tensors[node.inputs[2]] if len(node.inputs) == 3 else None
    if bias is None and absorbed[outputs].any():
        bias = Tensor("", (len(outputs),), DType.INT32, data=np.zeros(len(outputs), np.int32))
    if bias is not None and bias.data is not None:
        sums = wrap_int32(bias.data.astype(np.int64) + absorbed).astype(np.int32)
        operands.append(_filed(_sliced(replace(bias, data=sums), 0, outputs), "bias", node, graph, tensors))
    return replace(node, inputs=(node.inputs[0], *operands))


def _sliced(tensor: Tensor, axis: int, keep: Bool) -> Tensor:
    """``tensor`` less the indices along ``axis`` that ``keep`` leaves out; its scales too, where they lie there."""
    if keep.all():
        return tensor
    axis %= len(tensor.shape)
    quantization = tensor.quantization
    if quantization is not None and quantization.axis == axis:
        chosen = np.flatnonzero(keep)
        quantization = replace(
            quantization,
            scale=tuple(quantization.scale[i] for i in chosen),
            zero_point=tuple(quantization.zero_point[i] for i in chosen),
        )
    shape = (*tensor.shape[:axis], int(keep.sum()), *tensor.shape[axis + 1 :])
    data = None if tensor.data is None else np.ascontiguousarray(tensor.data.compress(keep, axis))
    return replace(tensor, shape=shape, quantization=quantization, data=data)


def _filed(tensor: Tensor, role: str, node: Node, graph: Graph, tensors: dict[str, Tensor]) -> str:
    """File a constant of ``node``: under its old name, unless there is none or somebody else reads it too."""
    name = tensor.name
    if len(graph.consumers.get(name, ())) != 1 or node.inputs.count(name) > 1 or name in graph.outputs:
        name = f"{node.name}/{role}"
        while name in tensors:
            name += "_"
    tensors[name] = replace(tensor, name=name)
    return name
