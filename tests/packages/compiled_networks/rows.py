"""Plans that run every node row by row where the generator can: each node is a segment of its own, no ring shorter
than its tensor. They exercise the row forms of kernels apart from the planner.
"""

from __future__ import annotations

from dataclasses import replace

from compiled_networks.network import Network, make_network, make_profile
from tinyml_core.graph.graph import Graph
from tinyml_core.program.program import ARRIVAL, Buffer, Program, Segment, Step
from tinyml_core.program.rows import by_rows, calls, row_count
from tinyml_plugins.tinyengine.generator import TinyEngine


def row_network(graph: Graph, prefix: str = "net", core: str = "cortex-m4", **options) -> Network:
    """The network with all nodes in row form that have one; buffers side by side, filled with nothing."""
    generator, profile = TinyEngine(**options), make_profile(core)
    whole = make_network(graph, prefix, core, **options).program
    steps, segments, buffers, offset = [], [], [], 0

    def place(name: str, tensor: str | None, size: int) -> str:
        nonlocal offset
        buffers.append(Buffer(name, tensor, size, 8, 0, len(graph.nodes), offset, whole.region))
        offset += -(-size // 8) * 8
        return name

    for name in (*graph.inputs, *(output for node in graph.nodes for output in node.outputs)):
        place(name, name, graph.tensors[name].bytes)
    for number, node in enumerate(graph.nodes):
        forms = [each for each in generator.candidates(node, graph, profile) if each.rows and by_rows(node, graph)]
        schedule = forms[0] if forms else replace(whole.steps[number].schedule, in_place=(), alias=False)
        if whole.steps[number].schedule.alias:
            continue_at = next(buffer for buffer in buffers if buffer.tensor == node.inputs[0]).offset
            index = next(i for i, buffer in enumerate(buffers) if buffer.tensor == node.outputs[0])
            buffers[index] = replace(buffers[index], offset=continue_at)
            schedule = whole.steps[number].schedule
        scratch = place(f"scratch {number}", None, schedule.scratch) if schedule.scratch else None
        state = place(f"state {number}", None, schedule.state) if schedule.state else None
        steps.append(Step(node, schedule, scratch, state))
        if schedule.rows:
            arrivals = [ARRIVAL] * row_count(graph.tensors[node.inputs[0]])
            segments.append(Segment(number, number, node.inputs[0], False, (*arrivals, *[0] * calls(node, graph))))
    program = Program(
        graph, profile, "sram", whole.region, tuple(steps), tuple(buffers), tuple(segments), offset, 8, offset
    )
    return Network(graph, program, generator.generate(program, prefix))
