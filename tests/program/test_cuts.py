"""The dynamic program against every plan there is, and what the planner makes of it."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planned_execution import BOARD, pseudo_kernels
from tinyml_core.errors import CapacityError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, AveragePool2D, Clamp, Conv2D, DepthwiseConv2D, MaxPool2D, Mean, Reshape
from tinyml_core.program import Schedule
from tinyml_core.program.cuts import fastest, least_peak
from tinyml_core.program.planner import SLOWDOWN, plan
from tinyml_core.program.rows import by_rows
from tinyml_core.program.stages import Stages
from tinyml_core.testing.random_graphs import choose_from, random_graph

Q = Quantization.per_tensor(0.1)
IMAGES = (Conv2D, DepthwiseConv2D, AveragePool2D, MaxPool2D, Add, Clamp, Mean)


def every_plan(stages, first, steps):
    if first == steps:
        yield []
        return
    for stage in stages[first]:
        for rest in every_plan(stages, stage.last + 1, steps):
            yield [stage, *rest]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1))
def test_no_plan_is_lower_or_faster_than_the_chosen_one(seed):
    graph = random_graph(choose_from(np.random.default_rng(seed)), nodes=range(1, 8), operators=IMAGES)
    offered, steps = pseudo_kernels(graph), len(graph.nodes)
    found = Stages(graph, [offered(node) for node in graph.nodes])
    stages = [[found.whole(number), *found.segments(number)] for number in range(steps)]
    plans = list(every_plan(stages, 0, steps))
    low = least_peak(stages, steps)
    assert low == min(max(stage.least for stage in each) for each in plans)
    for ceiling in (low, low + 50, math.inf):
        chosen = fastest(stages, steps, ceiling)
        fitting = [each for each in plans if all(stage.least <= ceiling for stage in each)]
        assert math.isclose(
            sum(stage.cycles(ceiling) for stage in chosen),
            min(sum(stage.cycles(ceiling) for stage in each) for each in fitting),
        )
    assert fastest(stages, steps, low - 1) is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1))
def test_heights_are_the_bytes_alive(seed):
    graph = random_graph(choose_from(np.random.default_rng(seed)), nodes=range(1, 10), operators=IMAGES)
    for objective in ("latency", "sram"):
        program = plan(graph, BOARD, pseudo_kernels(graph), objective=objective)
        alive = max(program.live_bytes(step) for step in range(len(program.steps)))
        assert alive <= program.lower_bound <= alive + 4 * len(program.buffers)
        assert program.arena_bytes <= max(1.01 * program.lower_bound, program.lower_bound + 4)
        offered = pseudo_kernels(graph)
        stages = Stages(graph, [offered(node) for node in graph.nodes])
        for number, step in enumerate(program.steps):
            if program.segment_of(number) is None and program.arena_bytes == program.lower_bound:
                assert program.live_bytes(number) <= max(
                    program.lower_bound, stages.heights.whole(number, step.schedule)
                )


def pyramid(last=None):
    """Convolutions that shrink an image of 32 x 32 x 3 behind a tall stem."""
    b, rng = GraphBuilder("pyramid"), np.random.default_rng(0)
    x = b.input("image", (1, 32, 32, 3), DType.INT8, Q)
    for number, (channels, stride) in enumerate([(16, 2), (32, 1), (16, 2), (16, 2)]):
        weights = rng.integers(-9, 9, (channels, 3, 3, b.tensor(x).shape[3]), np.int8)
        constant = b.constant(f"w{number}", weights, Q)
        op = Conv2D(stride=(stride, stride), padding=(1, 1, 1, 1))
        x = b.node(op, [x, constant], name=f"conv{number}", quantization=Q)
    return b.build([b.node(last or Clamp(), [x], name="last", quantization=Q)])


def test_segments_save_memory_where_it_is_asked_for():
    graph = pyramid()
    fast = plan(graph, BOARD, pseudo_kernels(graph))
    small = plan(graph, BOARD, pseudo_kernels(graph), objective="sram")
    pushed = plan(graph, BOARD, pseudo_kernels(graph), objective="sram", input_mode="rows")
    assert not fast.segments
    assert pushed.segments[0].pushed
    assert fast.arena_bytes > 2 * small.arena_bytes > 3 * pushed.arena_bytes
    assert fast.cycles < small.cycles < 1.2 * fast.cycles


def test_a_budget_brings_segments_only_where_whole_layers_do_not_fit():
    graph = pyramid()
    roomy = plan(graph, BOARD, pseudo_kernels(graph), budget=20_000)
    tight = plan(graph, BOARD, pseudo_kernels(graph), budget=9_000)
    least = plan(graph, BOARD, pseudo_kernels(graph), objective="sram")
    assert not roomy.segments
    assert tight.segments
    assert tight.arena_bytes <= 9_000
    assert least.arena_bytes <= tight.arena_bytes
    assert roomy.cycles < tight.cycles <= least.cycles


def test_a_skip_around_a_segment_counts():
    b = GraphBuilder("skip")
    x = b.input("x", (1, 16, 16, 8), DType.INT8, Q)
    y = x
    for number in range(3):
        y = b.node(MaxPool2D(kernel=(3, 3), padding=(1, 1, 1, 1)), [y], name=f"pool{number}", quantization=Q)
    graph = b.build([b.node(Add(), [y, x], name="sum", quantization=Q)])
    program = plan(graph, BOARD, pseudo_kernels(graph, scratch=False), objective="sram")
    (segment,) = program.segments
    assert segment.source == "x"
    assert program.buffer_of("x").rows is None
    assert program.buffer_of("x").last >= segment.last
    assert program.arena_bytes == program.lower_bound


def slow_rows(node):
    graph = pyramid()
    return [
        Schedule(kernel="fast", cycles=100, scratch=4000),
        Schedule(kernel="small", cycles=300),
        *([Schedule(kernel="row", cycles=300, rows=True)] if by_rows(node, graph) else []),
    ]


def test_little_memory_is_not_bought_with_many_cycles():
    program = plan(pyramid(), BOARD, slow_rows, objective="sram")
    assert program.cycles <= SLOWDOWN * plan(pyramid(), BOARD, slow_rows).cycles


def test_a_budget_buys_what_it_takes():
    free = plan(pyramid(), BOARD, slow_rows, objective="sram")
    bound = plan(pyramid(), BOARD, slow_rows, objective="sram", budget=free.arena_bytes - 100)
    assert bound.arena_bytes <= free.arena_bytes - 100
    assert bound.cycles > free.cycles


def test_a_budget_no_plan_meets_names_the_stage():
    with pytest.raises(
        CapacityError, match=r"node 'conv0' \(conv2d\): the arena needs .* more than the 3500 available"
    ):
        plan(pyramid(), BOARD, pseudo_kernels(pyramid()), objective="sram", budget=3500)


def test_rows_of_an_input_that_has_none_are_refused():
    b = GraphBuilder("dense")
    x = b.input("x", (1, 64), DType.INT8, Q)
    graph = b.build([b.node(Clamp(), [x], quantization=Q)])
    with pytest.raises(UnsupportedError, match=r"input 'x': has shape \[1, 64\] .*--input resident"):
        plan(graph, BOARD, pseudo_kernels(graph), input_mode="rows")


def test_rows_of_several_inputs_are_refused():
    b = GraphBuilder("two")
    inputs = [b.input(name, (1, 8, 8, 2), DType.INT8, Q) for name in ("x", "y")]
    graph = b.build([b.node(Add(), inputs, quantization=Q)])
    with pytest.raises(UnsupportedError, match="network 'two': has 2 inputs"):
        plan(graph, BOARD, pseudo_kernels(graph), input_mode="rows")


def test_rows_are_refused_where_the_first_layer_cannot_take_them():
    b = GraphBuilder("flat")
    x = b.input("x", (1, 8, 8, 2), DType.INT8, Q)
    graph = b.build([b.node(Reshape(shape=(1, 128)), [x], name="flatten", quantization=Q)])
    with pytest.raises(UnsupportedError, match=r"node 'flatten' \(reshape\): cannot take the input row by row"):
        plan(graph, BOARD, pseudo_kernels(graph), input_mode="rows")


def test_a_network_without_a_way_through_is_refused():
    graph = pyramid()
    with pytest.raises(UnsupportedError, match="network 'pyramid': its layers are not offered"):
        plan(graph, BOARD, lambda node: [] if node.name == "conv2" else pseudo_kernels(graph)(node))


def test_layers_offered_by_row_only_run_in_segments():
    graph = pyramid()

    def rows_only(node):
        return [each for each in pseudo_kernels(graph)(node) if each.rows or node.name == "last"]

    program = plan(graph, BOARD, rows_only)
    assert {number for s in program.segments for number in range(s.first, s.last + 1)} >= {0, 1, 2, 3}


def test_a_plan_is_the_same_every_time():
    graph = pyramid(Mean())
    first, second = (plan(graph, BOARD, pseudo_kernels(graph), objective="sram") for _ in range(2))
    assert (first.buffers, first.segments, first.steps) == (second.buffers, second.segments, second.steps)
