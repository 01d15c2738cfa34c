"""What a layer needs, as the code generator declares it: asked once for each different layer, then looked up.

A space has few different layers; what a generator says of one follows from shapes, types and rounding, not from
weights. The layer is therefore asked about alone, with placeholder scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.graph import DType, Graph, Node
from tinyml_core.graph.operator import Operator
from tinyml_core.graph.operators import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean
from tinyml_core.graph.tensor import Quantization, Tensor
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule

NEVER = 1 << 28
"""More bytes than there are: a way that is not offered."""


class Layer(NamedTuple):
    """A layer of a square image: ``size`` rows and columns of ``channels``, ``filters`` channels out."""

    kind: str
    size: int
    channels: int
    filters: int
    kernel: int = 1
    stride: int = 1


class Need(NamedTuple):
    """Bytes beside what is alive anyway, flash, and multiply-accumulates."""

    apart: int
    """While the whole layer runs and its input is still needed: output and scratch, the least of all schedules."""
    shared: int
    """While the whole layer runs and its input can be overwritten."""
    row_scratch: int
    """Scratch of the layer by rows; :data:`NEVER` where no schedule goes by rows."""
    state: int
    """What the layer by rows carries from row to row."""
    flash: int
    """Constants, the most of all schedules: a network that is said to fit does so whatever is chosen."""
    macs: int


@dataclass
class LayerNeeds:
    """Needs by layer."""

    generator: CodeGenerator
    profile: HardwareProfile
    known: dict[Layer, Need] = field(default_factory=dict)

    def __getitem__(self, layer: Layer) -> Need:
        need = self.known.get(layer)
        if need is None:
            need = self.known[layer] = self._ask(layer)
        return need

    def _ask(self, layer: Layer) -> Need:
        node, graph = alone(layer)
        schedules = self.generator.candidates(node, graph, self.profile)
        (output,) = graph.outputs_of(node)
        source = graph.inputs_of(node)[0]
        whole = [schedule for schedule in schedules if not schedule.rows]
        rows = [schedule for schedule in schedules if schedule.rows]
        state = min((schedule.state for schedule in rows), default=0)
        return Need(
            apart=min((output.bytes + schedule.scratch for schedule in whole), default=NEVER),
            shared=min((_written(schedule, source, output) + schedule.scratch for schedule in whole), default=NEVER),
            row_scratch=min((schedule.scratch for schedule in rows if schedule.state == state), default=NEVER),
            state=state,
            flash=max(schedule.flash for schedule in schedules),
            macs=node.op.macs(graph.inputs_of(node), [output]),
        )


def _written(schedule: Schedule, source: Tensor, output: Tensor) -> int:
    """Bytes of the output that do not lie over the input."""
    return max(output.bytes - source.bytes, 0) if schedule.in_place else output.bytes


def alone(layer: Layer) -> tuple[Node, Graph]:
    """The int8 layer as the only node of a graph."""
    operator, inputs, weights = _described(layer)
    tensors = {f"in{index}": _activation(f"in{index}", shape) for index, shape in enumerate(inputs)}
    variables = tuple(tensors)
    if weights:
        scale = Quantization.per_tensor(2.0**-7)
        data = np.broadcast_to(np.int8(0), weights)
        tensors["weights"] = Tensor("weights", weights, DType.INT8, scale, data)
        filters = weights[-1] if isinstance(operator, DepthwiseConv2D) else weights[0]
        bias = np.broadcast_to(np.int32(0), (filters,))
        tensors["bias"] = Tensor("bias", (filters,), DType.INT32, scale, bias)
    names = tuple(tensors)
    ((shape, _),) = operator.infer(list(tensors.values()))
    tensors["out"] = _activation("out", shape)
    node = Node(layer.kind, operator, names, ("out",))
    return node, Graph(layer.kind, tensors, (node,), variables, ("out",))


def _activation(name: str, shape: tuple[int, ...]) -> Tensor:
    return Tensor(name, shape, DType.INT8, Quantization.per_tensor(2.0**-4))


def _described(layer: Layer) -> tuple[Operator, list[tuple[int, ...]], tuple[int, ...]]:
    """Operator, shapes of the activations it reads, and shape of the weights."""
    image, kernel = (1, layer.size, layer.size, layer.channels), (layer.kernel, layer.kernel)
    around, stride = (layer.kernel // 2,) * 4, (layer.stride, layer.stride)
    made: Mapping[str, tuple[Operator, list[tuple[int, ...]], tuple[int, ...]]] = {
        "convolution": (Conv2D(stride=stride, padding=around), [image], (layer.filters, *kernel, layer.channels)),
        "depthwise": (DepthwiseConv2D(stride=stride, padding=around), [image], (1, *kernel, layer.channels)),
        "add": (Add(), [image, image], ()),
        "mean": (Mean(), [image], ()),
        "dense": (FullyConnected(), [(1, layer.channels)], (layer.filters, layer.channels)),
    }
    return made[layer.kind]
