"""The planner: schedules, chains in place, budgets."""

import numpy as np
import pytest

from tinyml_core.errors import CapacityError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import Add, Clamp, MaxPool2D, Reshape
from tinyml_core.hardware import HardwareProfile, MemoryRegion
from tinyml_core.program import Schedule
from tinyml_core.program.planner import plan

Q = Quantization.per_tensor(0.1)
BOARD = HardwareProfile(
    name="board", title="Board", vendor="test", core="cortex-m4", features=frozenset(), clock_hz=1,
    regions=(MemoryRegion("FLASH", "flash", 0, 1 << 20), MemoryRegion("CCM", "sram", 1 << 28, 4096),
             MemoryRegion("SRAM", "sram", 1 << 29, 65536)),
    sources={},
)  # fmt: skip


def own(node):
    return [Schedule(kernel="own", cycles=10)]


def in_place(node):
    return [Schedule(kernel="in place", cycles=10, in_place=tuple(range(len(node.inputs))))]


def chain(*ops):
    b = GraphBuilder("chain")
    handle = b.input("x", (1, 4, 4, 8), DType.INT8, Q)
    for op in ops:
        handle = b.node(op, [handle], quantization=Q)
    return b.build([handle])


def test_layer_by_layer_needs_input_and_output():
    program = plan(chain(Clamp(), Clamp(), Clamp()), BOARD, own)
    assert program.arena_bytes == program.lower_bound == 256
    assert program.region == "SRAM"


def test_in_place_needs_one_buffer():
    program = plan(chain(Clamp(), Clamp(), Clamp()), BOARD, in_place)
    assert program.arena_bytes == 128
    assert {buffer.offset for buffer in program.buffers} == {0}
    assert [buffer.shares for buffer in program.buffers] == [None, "x", "x", "x"]


def test_a_tensor_read_later_is_not_overwritten():
    b = GraphBuilder("residual")
    x = b.input("x", (1, 4, 4, 8), DType.INT8, Q)
    y = b.node(Clamp(), [x], name="y", quantization=Q)
    z = b.node(Add(), [y, x], name="z", quantization=Q)
    program = plan(b.build([z]), BOARD, in_place)
    assert program.buffer_of("y").offset != program.buffer_of("x").offset
    assert program.buffer_of("z").offset == program.buffer_of("y").offset
    assert program.arena_bytes == 256


def test_an_alias_of_a_tensor_read_later_protects_it():
    b = GraphBuilder("alias")
    x = b.input("x", (1, 128), DType.INT8, Q)
    r = b.node(Reshape(shape=(128,)), [x], name="r", quantization=Q)
    y = b.node(Clamp(), [x], name="y", quantization=Q)  # must not overwrite x: r is the same bytes and an output
    program = plan(
        b.build([r, y]), BOARD,
        lambda node: [Schedule(kernel="alias", cycles=0, alias=True)] if node.op.kind == "reshape" else in_place(node),
    )  # fmt: skip
    assert program.buffer_of("r").offset == program.buffer_of("x").offset
    assert program.buffer_of("y").offset != program.buffer_of("x").offset


def test_the_same_tensor_twice_is_not_overwritten():
    b = GraphBuilder("double")
    x = b.input("x", (1, 128), DType.INT8, Q)
    y = b.node(Add(), [x, x], name="y", quantization=Q)
    assert plan(b.build([y]), BOARD, in_place).arena_bytes == 256


def test_a_smaller_output_in_place_frees_the_rest():
    b = GraphBuilder("pool")
    x = b.input("x", (1, 8, 8, 8), DType.INT8, Q)  # 512 bytes
    y = b.node(MaxPool2D(stride=(2, 2)), [x], name="y", quantization=Q)  # 128 bytes over x
    z = b.node(Clamp(), [y], name="z", quantization=Q)
    w = b.node(Add(), [y, z], name="w", quantization=Q)
    program = plan(b.build([w]), BOARD, lambda node: in_place(node) if node.name == "y" else own(node))
    assert program.buffer_of("y").offset == program.buffer_of("x").offset
    assert program.arena_bytes == 512


def fast_or_small(node):
    return [Schedule(kernel="fast", cycles=1, scratch=1000), Schedule(kernel="small", cycles=1.2, scratch=10)]


def test_objectives_trade_scratch_for_cycles():
    graph = chain(Clamp(), MaxPool2D(stride=(2, 2)))
    fast = plan(graph, BOARD, fast_or_small)
    assert [step.schedule.kernel for step in fast.steps] == ["fast", "fast"]
    small = plan(graph, BOARD, fast_or_small, objective="sram")
    assert small.arena_bytes < fast.arena_bytes
    assert small.steps[0].schedule.kernel == "small"


def test_a_budget_keeps_fast_schedules_where_they_fit():
    b = GraphBuilder("two")
    x = b.input("x", (1, 4, 4, 8), DType.INT8, Q)
    y = b.node(MaxPool2D(stride=(2, 2)), [x], name="y", quantization=Q)
    z = b.node(Clamp(), [y], name="z", quantization=Q)
    program = plan(b.build([z]), BOARD, fast_or_small, budget=1100)
    assert [step.schedule.kernel for step in program.steps] == ["small", "fast"]
    assert program.arena_bytes <= 1100


def test_a_budget_that_cannot_be_met_says_by_how_much():
    with pytest.raises(CapacityError, match="256 bytes, 56 more than the 200 available"):
        plan(chain(Clamp(), Clamp()), BOARD, own, budget=200)


def test_region_is_chosen_by_name():
    assert plan(chain(Clamp()), BOARD, own, region="CCM").region == "CCM"


def test_an_alias_of_a_constant_is_refused():
    b = GraphBuilder("constant")
    c = b.constant("c", np.zeros((2, 2), np.int8), Q)
    x = b.input("x", (4,), DType.INT8, Q)
    r = b.node(Reshape(shape=(4,)), [c], name="r", quantization=Q)
    y = b.node(Add(), [x, r], quantization=Q)
    with pytest.raises(UnsupportedError, match="node 'r'"):
        plan(b.build([y]), BOARD, lambda n: [Schedule(kernel="alias", cycles=0, alias=n.op.kind == "reshape")])


def test_every_buffer_respects_alignment():
    program = plan(
        chain(Clamp(), Clamp()), BOARD, lambda node: [Schedule(kernel="k", cycles=1, scratch=3, alignment=16)]
    )
    assert all(buffer.offset % 16 == 0 for buffer in program.buffers)
    assert program.arena_alignment == 16
