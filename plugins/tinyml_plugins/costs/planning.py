"""Planning a graph as the compiler would, fast where its weights are placeholders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.errors import CapacityError
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import Array, Tensor
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.pipeline.compilation import STACK_RESERVE
from tinyml_core.program.planner import plan
from tinyml_core.program.program import InputMode, Objective, Program
from tinyml_core.program.schedule import Schedule

MOST_KEPT = 1 << 16
"""Layers whose schedules are kept."""
FEW_BYTES = 4096
"""Of a constant: the biases of 1024 channels."""


@dataclass(frozen=True)
class Planner:
    """Plans for one profile; keeps the schedules of layers of placeholder weights."""

    generator: CodeGenerator
    profile: HardwareProfile
    objective: Objective
    input_mode: InputMode
    _kept: dict[object, Sequence[Schedule]] = field(default_factory=dict)

    def plan(self, graph: Graph) -> Program:
        """The plan within the largest SRAM, or one that needs more where nothing fits.

        Raises:
            UnsupportedError: the generator has no kernel for a node, or the input cannot come row by row.
        """
        offered = {node.name: self._candidates(node, graph) for node in graph.nodes}
        budget = self.profile.largest("sram").size - STACK_RESERVE
        if self.objective == "latency" and self.input_mode == "resident":  # whole layers, as long as they fit
            whole = {name: [each for each in known if not each.rows] for name, known in offered.items()}
            if all(whole.values()):
                program = self._plan(graph, whole, None)
                if program.arena_bytes <= budget:
                    return program
        try:
            return self._plan(graph, offered, budget)
        except CapacityError:
            return self._plan(graph, offered, None)

    def _plan(self, graph: Graph, offered: Mapping[str, Sequence[Schedule]], budget: int | None) -> Program:
        return plan(
            graph, self.profile, lambda node: offered[node.name],
            objective=self.objective, input_mode=self.input_mode, budget=budget,
        )  # fmt: skip

    def _candidates(self, node: Node, graph: Graph) -> Sequence[Schedule]:
        inputs, outputs = graph.inputs_of(node), graph.outputs_of(node)
        if not all(tensor.data is None or _short(tensor.data) for tensor in inputs):
            return self.generator.candidates(node, graph, self.profile)  # schedules may depend on the weights
        key = (node.op, graph.rounding, *((*_type(each), _value(each)) for each in inputs), *map(_type, outputs))
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = self.generator.candidates(node, graph, self.profile)
        return self._kept[key]


def _short(data: Array) -> bool:
    """Whether the values can be part of a key: they are few, or one element of memory stands for all."""
    return data.nbytes <= FEW_BYTES or not any(data.strides)


def _type(tensor: Tensor) -> tuple[object, ...]:
    return tensor.shape, tensor.dtype, tensor.quantization


def _value(tensor: Tensor) -> object:
    data = tensor.data
    if data is None or not data.size:
        return None
    return data.tobytes() if any(data.strides) else data.flat[0].item()
