"""Schedules like those of real kernels for every operator: whole, by row where that can be, in place, with scratch."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from tinyml_core.graph.graph import Graph, Node
from tinyml_core.graph.operators import Add, Binary, Clamp, DepthwiseConv2D, Reshape, Unary
from tinyml_core.hardware import HardwareProfile, MemoryRegion
from tinyml_core.program import Schedule
from tinyml_core.program.rows import by_rows, reduces_rows

BOARD = HardwareProfile(
    name="board", title="Board", vendor="test", core="cortex-m4", features=frozenset(), clock_hz=1,
    regions=(MemoryRegion("FLASH", "flash", 0, 1 << 20), MemoryRegion("SRAM", "sram", 1 << 29, 1 << 20)), sources={},
)  # fmt: skip
IN_PLACE = (Add, Binary, Clamp, DepthwiseConv2D, Unary)
ROW_SLOWDOWN = 1.1


def pseudo_kernels(graph: Graph, *, scratch: bool = True) -> Callable[[Node], Sequence[Schedule]]:
    """Candidates for the nodes of ``graph``; cycles follow the work, scratch is any small number."""

    def candidates(node: Node) -> list[Schedule]:
        inputs, (output, *rest) = graph.inputs_of(node), graph.outputs_of(node)
        work = node.op.macs(inputs, [output]) or sum(tensor.elements for tensor in (output, *rest))
        extra = zlib.crc32(node.name.encode()) % 50 if scratch else 0
        if isinstance(node.op, Reshape) and inputs[0].data is None:
            return [Schedule(kernel="alias", cycles=0, alias=True)]
        in_place = tuple(
            index
            for index, tensor in enumerate(inputs)
            if isinstance(node.op, IN_PLACE) and tensor.data is None and tensor.shape == output.shape
            and tensor.dtype is output.dtype
        )  # fmt: skip
        found = [
            Schedule(kernel="fast", cycles=work, scratch=4 * extra, in_place=in_place),
            Schedule(kernel="small", cycles=2 * work, scratch=extra, in_place=in_place),
        ]
        if by_rows(node, graph):
            state = 4 * output.elements if reduces_rows(node, graph) else 0
            found.append(
                Schedule(kernel="by row", cycles=ROW_SLOWDOWN * work, scratch=extra // 2, rows=True, state=state)
            )
        return found

    return candidates
