"""Rings: how many rows of each tensor are alive at once, and in which order rows are computed."""

import numpy as np
import pytest

from planned_execution import BOARD, pseudo_kernels, run_program
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph import DType, GraphBuilder
from tinyml_core.graph.operators import Add, AveragePool2D, Binary, Concat, Conv2D, MaxPool2D, Mean, Pad
from tinyml_core.program.layout import lay_out
from tinyml_core.program.program import ARRIVAL
from tinyml_core.program.stages import Stages

ROWS = 12


class Network:
    """A float network written layer by layer."""

    def __init__(self):
        self.builder = GraphBuilder("network")
        self.rng = np.random.default_rng(0)
        self.source = self.builder.input("image", (1, ROWS, 5, 4), DType.FLOAT32)

    def conv(self, name, x, kernel, padding, stride=1, dilation=1, channels=4):
        shape = (channels, kernel, 1, self.builder.tensor(x).shape[3])
        weights = self.builder.constant(f"w {name}", self.rng.normal(size=shape).astype(np.float32))
        op = Conv2D(stride=(stride, 1), padding=(*padding, 0, 0), dilation=(dilation, 1))
        return self.builder.node(op, [x, weights], name=name)

    def node(self, name, op, *inputs):
        return self.builder.node(op, inputs, name=name)


def one_segment(network, outputs, pushed=True):
    """The whole network as one segment, carried out and compared; the program."""
    graph = network.builder.build(outputs)
    offered = pseudo_kernels(graph)
    stages = Stages(graph, [offered(node) for node in graph.nodes])
    stage = stages.segments(0, pushed=pushed)[-1]
    assert stage.last == len(graph.nodes) - 1
    program = lay_out(stages, [stage], stage.least, "SRAM").program(graph, BOARD, "sram", "SRAM")
    inputs = {"image": np.random.default_rng(1).normal(size=(1, ROWS, 5, 4)).astype(np.float32)}
    found = run_program(program, inputs)
    for name, expected in execute(graph, inputs).items():
        assert found[name].tobytes() == expected.tobytes()
    return program


def rings(program):
    return {buffer.tensor: buffer.rows for buffer in program.buffers if buffer.tensor}


@pytest.mark.parametrize(
    ("kernel", "padding", "stride", "dilation", "expected"),
    [
        (1, (0, 0), 1, 1, 1),
        (3, (1, 1), 1, 1, 3),
        (3, (0, 0), 1, 1, 3),
        (3, (0, 1), 2, 1, 3),
        (2, (0, 0), 2, 1, 2),
        (2, (0, 1), 1, 1, 2),
        (4, (2, 1), 2, 1, 4),
        (3, (2, 2), 1, 2, 5),
        (7, (3, 3), 1, 1, 7),
        (1, (0, 0), 3, 1, 1),
        (3, (5, 0), 1, 1, 3),
        (3, (0, 5), 2, 1, 3),
        (ROWS, (0, 0), 1, 1, None),
    ],
)
def test_a_window_keeps_the_rows_it_covers(kernel, padding, stride, dilation, expected):
    network = Network()
    first = network.conv("first", network.source, 1, (0, 0))
    last = network.conv("last", first, kernel, padding, stride, dilation)
    found = rings(one_segment(network, [last]))
    assert found == {"image": 1, "first": expected, "last": None}


def test_rows_are_read_as_soon_as_they_are_there():
    network = Network()
    first = network.conv("first", network.source, 3, (1, 1), stride=2)
    last = network.conv("last", first, 1, (0, 0))
    (segment,) = one_segment(network, [last]).segments
    assert segment.order == (ARRIVAL, *(ARRIVAL, 0, 1, ARRIVAL) * (ROWS // 2 - 1), ARRIVAL, 0, 1)


def test_a_residual_waits_for_the_branch_beside_it():
    network = Network()
    x = network.conv("x", network.source, 1, (0, 0))
    y = network.conv("z", network.conv("y", x, 3, (1, 1)), 3, (1, 1))
    found = rings(one_segment(network, [network.node("sum", Add(), x, y)]))
    assert found == {"image": 1, "x": 3, "y": 3, "z": 1, "sum": None}


def test_squeeze_and_excite_keeps_the_whole_tensor_it_scales():
    network = Network()
    x = network.conv("x", network.source, 3, (1, 1))
    gate = network.conv("gate", network.node("mean", Mean(keep_axes=True), x), 1, (0, 0))
    scaled = network.node("scaled", Binary(function="multiply"), x, gate)
    program = one_segment(network, [network.conv("last", scaled, 3, (1, 1))])
    assert rings(program) == {"image": 3, "x": None, "mean": None, "gate": None, "scaled": 3, "last": None}
    assert program.buffer("state of mean").last == 4
    assert program.buffer_of("x").size == ROWS * 5 * 4 * 4


def test_concatenation_padding_and_pooling():
    network = Network()
    padded = network.node("padded", Pad(padding=((0, 0), (2, 1), (0, 0), (0, 0))), network.source)
    left = network.node("left", MaxPool2D(kernel=(3, 1), padding=(1, 1, 0, 0)), padded)
    right = network.node("right", AveragePool2D(kernel=(2, 1), padding=(1, 0, 0, 0)), padded)
    both = network.node("both", Concat(axis=3), left, right)
    found = rings(one_segment(network, [network.conv("last", both, 1, (0, 0))]))
    assert found == {"image": 1, "padded": 3, "left": 1, "right": 2, "both": 1, "last": None}


def test_a_reduction_over_all_rows_is_called_once_for_each_and_written_after_the_last():
    network = Network()
    mean = network.node("mean", Mean(), network.conv("x", network.source, 1, (0, 0)))
    program = one_segment(network, [mean])
    assert rings(program) == {"image": 1, "x": 1, "mean": None}
    assert program.segments[0].order == (ARRIVAL, 0, 1) * ROWS


def test_a_pooling_over_all_rows_is_called_once_for_each_and_keeps_one():
    network = Network()
    pool = AveragePool2D(kernel=(ROWS + 1, 5), padding=(0, 1, 0, 0))
    mean = network.node("mean", pool, network.conv("x", network.source, 1, (0, 0)))
    program = one_segment(network, [mean])
    assert rings(program) == {"image": 1, "x": 1, "mean": None}
    assert program.segments[0].order == (ARRIVAL, 0, 1) * ROWS


def test_what_is_read_later_stays_whole():
    network = Network()
    x = network.conv("x", network.source, 3, (1, 1))
    y = network.conv("y", x, 3, (1, 1))
    program = one_segment(network, [x, y])
    assert rings(program) == {"image": 3, "x": None, "y": None}


def test_an_input_in_memory_stays_whole():
    network = Network()
    program = one_segment(network, [network.conv("y", network.conv("x", network.source, 3, (1, 1)), 3, (1, 1))], False)
    assert rings(program) == {"image": None, "x": 3, "y": None}
    assert not program.segments[0].pushed


def test_all_a_segment_touches_is_alive_as_long_as_it_runs():
    network = Network()
    y = network.conv("y", network.conv("x", network.source, 3, (1, 1)), 3, (1, 1))
    program = one_segment(network, [network.conv("z", y, 1, (0, 0))])
    spans = {buffer.name: (buffer.first, buffer.last) for buffer in program.buffers if buffer.tensor}
    assert set(spans.values()) == {(0, 2)}
    for number, step in enumerate(program.steps):
        if step.scratch:
            assert (program.buffer(step.scratch).first, program.buffer(step.scratch).last) == (number, number)
