"""Timing tables against instruction sequences counted by hand from the sources each table names."""

from __future__ import annotations

import pytest

from tinyml_plugins.simulator.elf import read_image
from tinyml_plugins.simulator.timing.estimate import MODELS
from tinyml_plugins.simulator.timing.instruction import decode
from tinyml_plugins.simulator.timing.model import BlockCost

ALL = ("low", "core", "high")
# core, sequence, cycles when it goes on (low, core, high), further cycles when its branch is taken
SEQUENCES = [
    # Cortex-M0+, TRM table 3-1
    ("cortex-m0plus", "ldr r0, [r1]", (2, 2, 2), (0, 0, 0)),
    ("cortex-m0plus", "ldmia r0!, {r1-r4}", (5, 5, 5), (0, 0, 0)),
    ("cortex-m0plus", "muls r0, r1, r0; beq 1b", (2, 2, 2), (1, 1, 1)),
    ("cortex-m0plus", "bl start", (1, 1, 1), (2, 2, 2)),
    ("cortex-m0plus", "pop {r4, pc}", (3, 3, 3), (2, 2, 2)),
    # Cortex-M3, TRM table 3-1
    ("cortex-m3", "mla r0, r1, r2, r3", (2, 2, 2), (0, 0, 0)),
    ("cortex-m3", "smull r0, r1, r2, r3", (3, 4, 5), (0, 0, 0)),
    ("cortex-m3", "umlal r0, r1, r2, r3", (4, 5, 7), (0, 0, 0)),
    # Cortex-M4, TRM tables 3-1 and 7-1: N loads in a row take N + 1 cycles
    ("cortex-m4", "ldr r0, [r1]; ldr r2, [r1, #4]; ldr r3, [r1, #8]", (4, 4, 6), (0, 0, 0)),
    ("cortex-m4", "ldr r0, [r1]; ldr r2, [r0]", (4, 4, 4), (0, 0, 0)),
    ("cortex-m4", "ldr r0, [r1]; str r0, [r2]", (2, 2, 3), (0, 0, 0)),
    ("cortex-m4", "str r0, [r1, r2]", (2, 2, 2), (0, 0, 0)),
    ("cortex-m4", "push {r4-r7, lr}", (6, 6, 6), (0, 0, 0)),
    ("cortex-m4", "pop {r4, pc}", (3, 3, 3), (1, 2, 3)),
    ("cortex-m4", "ldrd r0, r1, [r2]", (3, 3, 3), (0, 0, 0)),
    ("cortex-m4", "smlad r0, r1, r2, r0; smlal r4, r5, r1, r2; smmlar r0, r1, r2, r3", (3, 3, 3), (0, 0, 0)),
    ("cortex-m4", "udiv r0, r1, r2", (2, 7, 12), (0, 0, 0)),
    ("cortex-m4", "adds r0, r0, #1; bne 1b", (2, 2, 2), (1, 2, 3)),
    ("cortex-m4", "adds r0, r0, #1; it eq; moveq r1, #0", (2, 2, 3), (0, 0, 0)),
    ("cortex-m4", "vmla.f32 s0, s1, s2; vadd.f32 s3, s4, s5; vdiv.f32 s6, s7, s8", (18, 18, 18), (0, 0, 0)),
    ("cortex-m4", "vldr s0, [r1]; vldmia r0!, {s0-s3}", (7, 7, 7), (0, 0, 0)),
    # Cortex-M33, measured on an RP2350
    ("cortex-m33", "subs r7, r7, #1; bne 1b", (1, 1, 2), (1, 2, 3)),
    ("cortex-m33", "subs r7, r7, #1; add r0, r1; bne 1b", (2, 2, 3), (1, 1, 3)),
    ("cortex-m33", "ldmia r6!, {r0-r3}; bne 1b", (4, 4, 5), (1, 1, 3)),
    ("cortex-m33", "ldr r0, [r1]; adds r2, r0, #1", (2, 3, 3), (0, 0, 0)),
    ("cortex-m33", "ldr r0, [r1]; mov r3, r4; adds r2, r0, #1", (3, 3, 3), (0, 0, 0)),
    ("cortex-m33", "ldr r0, [r1]; mla r2, r3, r4, r0", (2, 2, 2), (0, 0, 0)),
    ("cortex-m33", "ldr r0, [r1]; str r0, [r2]", (2, 2, 2), (0, 0, 0)),
    ("cortex-m33", "smlad r0, r1, r2, r0; smlad r0, r3, r4, r0; adds r5, r0, #1", (3, 4, 4), (0, 0, 0)),
    ("cortex-m33", "ldrd r0, r1, [r2]", (2, 2, 2), (0, 0, 0)),
    ("cortex-m33", "muls r0, r1, r0", (1, 2, 2), (0, 0, 0)),
    # Cortex-M7, measured on STM32H7: pairs, one multiplication a cycle, late loads
    ("cortex-m7", "adds r0, r1, #1; adds r2, r3, #1", (1, 1, 2), (0, 0, 0)),
    ("cortex-m7", "adds r0, r1, #1; adds r2, r0, #1", (1, 2, 2), (0, 0, 0)),
    ("cortex-m7", "smlad r0, r1, r2, r0; smlad r0, r1, r3, r0; smlad r0, r1, r4, r0", (3, 3, 3), (0, 0, 0)),
    ("cortex-m7", "smlad r0, r1, r2, r0; ldr r3, [r8]; smlad r4, r1, r2, r4; ldr r5, [r8, #4]", (2, 2, 4), (0, 0, 0)),
    ("cortex-m7", "ldr r0, [r1]; adds r2, r0, #1", (1, 2, 2), (0, 0, 0)),
    ("cortex-m7", "ldrb r0, [r1]; adds r2, r0, #1", (1, 3, 3), (0, 0, 0)),
    ("cortex-m7", "ldr r0, [r1]; smlad r2, r0, r3, r2", (1, 3, 3), (0, 0, 0)),
    ("cortex-m7", "ldr r0, [r1]; ldr r2, [r0]", (1, 3, 3), (0, 0, 0)),
    ("cortex-m7", "ldr r0, [r1]; str r0, [r2]", (1, 1, 2), (0, 0, 0)),
    ("cortex-m7", "str r0, [r1]; str r3, [r2]", (2, 2, 2), (0, 0, 0)),
    ("cortex-m7", "sxtb16 r0, r1; sxtb16 r2, r3", (1, 2, 2), (0, 0, 0)),
    ("cortex-m7", "ldmia r0!, {r1-r4}; adds r5, r6, #1", (3, 3, 3), (0, 0, 0)),
    ("cortex-m7", "smull r0, r1, r2, r3; adds r4, r0, #1", (1, 3, 3), (0, 0, 0)),
]


@pytest.fixture
def block_of(compile_c, make_profile):
    """Assemble a sequence for a core and decode it; ``start`` is its first instruction."""

    def assemble(core, sequence):
        header = r".syntax unified\n .thumb\n .global start\n .type start, %function\n start: 1:\n"
        footer = r"\n .global finish\n .type finish, %function\n finish: bx lr\n"
        text = sequence.replace("; ", r"\n ")
        body = f'extern void start(void), finish(void); __asm__("{header} {text} {footer}");'
        image = read_image(compile_c(body, ["start", "finish"], profile=make_profile(core)).path)
        begin, end = image.symbols["start"], image.symbols["finish"]
        load, _, code, _ = next(each for each in image.segments if each[0] <= begin < each[0] + len(each[2]))
        return decode(code[begin - load : end - load], begin)

    return assemble


@pytest.mark.parametrize(("core", "sequence", "cycles", "taken"), SEQUENCES)
def test_known_sequences(core, sequence, cycles, taken, block_of):
    block = block_of(core, sequence)
    assert len(block) == len(sequence.split("; "))
    costs = [MODELS[core].cost(block, bound) for bound in ALL]
    assert tuple(cost.falls for cost in costs) == cycles
    if core != "cortex-m7":
        assert tuple(cost.taken_quarters / 4 - cost.falls for cost in costs) == taken


def test_m7_loop_reaches_its_steady_state(block_of):
    loop = block_of("cortex-m7", "ldr r2, [r1], #4; adds r3, r3, r2; subs r0, r0, #1; bne 1b")
    low, core, high = (MODELS["cortex-m7"].cost(loop, bound) for bound in ALL)
    assert low.taken_quarters == 4 * 2  # four instructions, two a cycle
    assert core.taken_quarters == 4 * 2  # the load's result is there one cycle later, just in time
    assert high.taken_quarters == 4 * 4
    assert (low.miss, core.miss, high.miss) == (0, 7, 8)


def test_rare_way_out_of_a_branch_is_mispredicted():
    cost = BlockCost(falls=3, taken_quarters=6, miss=7)
    assert cost.total(entries=10, falls=1) == 3 + 6 * 9 // 4 + 7
    assert cost.total(entries=10, falls=10) == 30


@pytest.mark.parametrize(
    ("core", "expected"), [("cortex-m4", (43, 53, 63)), ("cortex-m3", (43, 53, 63)), ("cortex-m0plus", (43, 43, 43))]
)
def test_a_loop_from_source_to_cycles(core, expected, load):
    body = """uint32_t loop(uint32_t n);
    __attribute__((naked)) uint32_t loop(uint32_t n) {
        __asm__ volatile("movs r1, #0\\n1: adds r1, r1, r0\\n subs r0, r0, #1\\n bne 1b\\n mov r0, r1\\n bx lr");
    }"""
    measurement = load(body, ["loop"], core=core).call("loop", [10], profile=True)[1]
    cycles = measurement.cycles
    # 1 + 10 * 3 + 9 * P + 1 + (1 + P), where P = 1, 2, 3; on the M0+ P is 1
    assert (cycles.low, cycles.core, cycles.high) == expected
    assert cycles.model.startswith(core.removeprefix("cortex-"))


def test_operands_capstone_leaves_out(block_of):
    smlal, sxtab16, ssat, ldrd, pop = block_of(
        "cortex-m4", "smlal r0, r1, r2, r3; sxtab16 r0, r1, r2; ssat r0, #8, r1; ldrd r4, r5, [r2], #8; pop {r6, pc}"
    )
    assert smlal.accumulator == {"r0", "r1"}
    assert smlal.reads == {"r2", "r3"}
    assert sxtab16.reads == {"r1", "r2"}
    assert ssat.reads == {"r1"}
    assert ldrd.writes == {"r4", "r5", "r2"}
    assert ldrd.addresses == {"r2"}
    assert pop.transfers == 2
    assert pop.changes_pc


def test_bytes_that_are_no_instruction():
    with pytest.raises(ValueError, match="no instruction at 0x00001002"):
        decode(bytes.fromhex("00bfffff"), 0x1000)
