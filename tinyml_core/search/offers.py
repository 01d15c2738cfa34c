"""Offers: what a code generator offers for the nodes of many networks, asked once for equal ones."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.tensor import Tensor
from tinyml_core.hardware.profile import HardwareProfile
from tinyml_core.program.schedule import Schedule


@dataclass
class Offers:
    """Remembers schedules by operator, types, shapes and scales; a node whose constants hold numbers is asked anew."""

    generator: CodeGenerator
    profile: HardwareProfile
    _known: dict[Hashable, Sequence[Schedule]] = field(default_factory=dict)
    _same: dict[int, tuple[Node, list[Tensor], Sequence[Schedule]]] = field(default_factory=dict)
    """By identity, because builders hand out one node for equal layers, and equality takes long to find out."""

    def __call__(self, node: Node, graph: Graph) -> Sequence[Schedule]:
        """The schedules of ``node``; raises what :meth:`CodeGenerator.candidates` raises."""
        tensors = [graph.tensors[name] for name in node.inputs + node.outputs]
        same = self._same.get(id(node))
        if same and same[0] is node and all(map(operator.is_, same[1], tensors)):
            return same[2]
        if not all(map(_placeholder, tensors)):
            return self.generator.candidates(node, graph, self.profile)
        key = (
            node.op,
            graph.rounding,
            *((tensor.shape, tensor.dtype.value, tensor.quantization) for tensor in tensors),
        )
        schedules = self._known.get(key)
        if schedules is None:
            schedules = self._known[key] = self.generator.candidates(node, graph, self.profile)
        self._same[id(node)] = node, tensors, schedules
        return schedules


def _placeholder(tensor: Tensor) -> bool:
    """Whether a tensor is computed, or one zero repeated as the parameters of a network not trained yet are."""
    return tensor.data is None or (not any(tensor.data.strides) and not tensor.data.any())
