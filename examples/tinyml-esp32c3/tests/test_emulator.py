"""The emulated core on small programs: counts that can be done by hand, and what goes wrong by name."""

from __future__ import annotations

import pytest
from tinyml_esp32c3.emulator.instructions import class_of, classes_in

from tinyml_core.api.runner import Runner
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import DeviceFault, InputError, UnsupportedError

PROGRAM = """
#include <stdint.h>
int counted(void); int inner(void); int outer(void); int deep(int depth); int stray(void);
static volatile int filled = 7, empty;
__attribute__((naked, noinline)) int counted(void)
{
    __asm__("li a0, 10\\n1:\\taddi a0, a0, -1\\n\\tbnez a0, 1b\\n\\tret");
}
__attribute__((naked, noinline)) int inner(void)
{
    __asm__("lw a0, 0(sp)\\n\\tmul a0, a0, a0\\n\\tret");
}
__attribute__((naked, noinline)) int outer(void)
{
    __asm__("addi sp, sp, -64\\n\\tsw ra, 60(sp)\\n\\tcall inner\\n\\tlw ra, 60(sp)\\n\\taddi sp, sp, 64\\n\\tret");
}
__attribute__((noinline)) int deep(int depth)
{
    volatile char room[64];
    room[depth & 63] = 1;
    return depth ? deep(depth - 1) + room[depth & 63] : 0;
}
__attribute__((noinline)) int stray(void) { *(volatile int *)16 = 1; return 0; }
int initial(void);
__attribute__((noinline)) int initial(void) { return filled + empty; }
int main(void) { return counted() + inner() + outer() + deep(3) + stray() + initial(); }
"""


@pytest.fixture(scope="module")
def device(platform, tmp_path_factory):
    folder, part = tmp_path_factory.mktemp("program"), platform.target("esp32c3")
    source = folder / "program.c"
    source.write_text(PROGRAM)
    toolchain = platform.create(Toolchain, "zig-riscv32", {"optimisation": "-O1"})
    binary = toolchain.build([source], folder / "program.elf", part, region="DRAM", stack=1024)
    return platform.create(Runner, "unicorn-riscv32").load(binary.path, part)


def test_every_instruction_is_counted(device):
    result, measured = device.call("counted", [], profile=True)
    assert result == 0
    assert measured.instructions == 1 + 2 * 10 + 1
    # 9 branches back and the return leave the straight path, and each costs two cycles more
    assert measured.cycles.core == 22 + 2 * 10
    assert (measured.cycles.low, measured.cycles.high) == (22 + 10, 22 + 3 * 10)


def test_a_layer_counts_with_what_it_calls(device):
    _, measured = device.call("outer", [], profile=True, layers=["inner"])
    rows = {row.symbol: row.instructions for row in measured.functions}
    assert rows["inner"] == 3
    assert measured.instructions == sum(rows.values())
    assert measured.stack_bytes == 4, "the word that it stores, at the top of the 64 bytes it takes"


def test_the_stack_is_measured(device):
    depths = [device.call("deep", [depth], profile=True)[1].stack_bytes for depth in (1, 2, 3)]
    assert depths[2] - depths[1] == depths[1] - depths[0] >= 64


def test_calls_start_from_initialised_data(device):
    assert device.call("initial", [])[0] == 7


def test_running_out_of_stack_is_a_fault(device):
    with pytest.raises(DeviceFault, match=r"stack overflow.*below the reserve of 1024 bytes"):
        device.call("deep", [100])


def test_leaving_the_memory_is_a_fault_in_a_function(device):
    with pytest.raises(DeviceFault, match=r"stray.*write of 4 bytes at 0x00000010"):
        device.call("stray", [])


def test_unknown_symbols_are_told(device):
    with pytest.raises(InputError, match="'nowhere'"):
        device.call("nowhere", [])


def test_other_cores_are_refused(platform, tmp_path):
    with pytest.raises(UnsupportedError, match="cortex-m7"):
        platform.create(Runner, "unicorn-riscv32").load(tmp_path / "none.elf", platform.target("stm32f746"))


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        (0x00052503, "load"),  # lw a0, 0(a0)
        (0x02B50533, "multiply"),  # mul a0, a0, a1
        (0x02B51533, "multiply"),  # mulh
        (0x02B54533, "divide"),  # div
        (0x00B50533, "plain"),  # add
        (0x00008067, "jump"),  # jalr: ret
        (0xFE051EE3, "branch"),  # bnez
        (0x4108, "load"),  # c.lw a0, 0(a0)
        (0x4502, "load"),  # c.lwsp
        (0x8082, "jump"),  # c.jr ra
        (0x9502, "jump"),  # c.jalr a0
        (0x852E, "plain"),  # c.mv a0, a1
        (0x952E, "plain"),  # c.add a0, a1
        (0x9002, "plain"),  # c.ebreak
        (0xFD75, "branch"),  # c.bnez
        (0xA001, "jump"),  # c.j
    ],
)
def test_classes_of_instructions(word, kind):
    assert class_of(word) == kind


def test_lengths_of_instructions():
    assert classes_in(bytes.fromhex("0545 03250500 8280".replace(" ", ""))).total() == 3
