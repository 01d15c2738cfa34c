"""Segments compute what full execution computes: receptive fields, halos, rings, lifetimes and places in the arena."""

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from planned_execution import BOARD, pseudo_kernels, run_program
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph.operators import Add, AveragePool2D, Clamp, Conv2D, DepthwiseConv2D, MaxPool2D, Mean, Pad
from tinyml_core.program.layout import lay_out
from tinyml_core.program.planner import plan
from tinyml_core.program.rows import by_rows
from tinyml_core.program.stages import Stages
from tinyml_core.testing.random_graphs import choose_from, random_graph, random_inputs

IMAGES = (Conv2D, DepthwiseConv2D, Conv2D, DepthwiseConv2D, AveragePool2D, MaxPool2D, Add, Clamp, Pad, Mean)
CHECKS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_exact(program, inputs):
    outputs = run_program(program, inputs)
    for name, expected in execute(program.graph, inputs).items():
        assert outputs[name].tobytes() == expected.tobytes(), name


def at_random(graph, rng, mode="resident"):
    """A plan cut anywhere, of the schedules by row wherever a segment is taken."""
    offered = pseudo_kernels(graph)
    stages, taken, number = Stages(graph, [offered(node) for node in graph.nodes]), [], 0
    while number < len(graph.nodes):
        found = stages.segments(number, pushed=mode == "rows" and number == 0)
        if mode == "resident" or number > 0:
            found.append(stages.whole(number))
        if not found:
            return None
        taken.append(found[int(rng.integers(len(found)))])
        number = taken[-1].last + 1
    ceiling = max((stage.least for stage in taken), default=0) + int(rng.integers(200))
    return lay_out(stages, taken, ceiling, "SRAM").program(graph, BOARD, "sram", "SRAM")


@CHECKS
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from(["resident", "rows"]))
def test_any_cut_of_a_random_network_computes_what_full_execution_computes(seed, images, mode):
    rng = np.random.default_rng(seed)
    choose = choose_from(rng)
    graph = random_graph(choose, nodes=range(1, 13), **({"operators": IMAGES} if images else {}))
    program = at_random(graph, rng, mode)
    if program is not None:
        assert_exact(program, random_inputs(graph, choose))


@CHECKS
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_planned_random_networks_compute_what_full_execution_computes(seed, images):
    choose = choose_from(np.random.default_rng(seed))
    graph = random_graph(choose, nodes=range(1, 13), **({"operators": IMAGES} if images else {}))
    inputs = random_inputs(graph, choose)
    for objective in ("latency", "sram"):
        assert_exact(plan(graph, BOARD, pseudo_kernels(graph), objective=objective), inputs)


@CHECKS
@given(st.integers(0, 2**32 - 1))
def test_planned_random_networks_take_their_rows_one_by_one(seed):
    choose = choose_from(np.random.default_rng(seed))
    graph = random_graph(choose, nodes=range(1, 13), operators=IMAGES)
    assume(graph.tensors[graph.inputs[0]].shape[1] > 1 and by_rows(graph.nodes[0], graph))
    program = plan(graph, BOARD, pseudo_kernels(graph), objective="sram", input_mode="rows")
    assert program.segments[0].pushed
    assert_exact(program, random_inputs(graph, choose))
