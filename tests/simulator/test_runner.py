"""Running on the emulated cores: results, exact counts, stack depth, faults and limits."""

from __future__ import annotations

import ctypes
import struct
import sys
from collections import Counter

import numpy as np
import pytest
import unicorn
from unicorn import arm_const

from tinyml_core.api.runner import Runner, layer_costs
from tinyml_core.errors import DeviceFault, InputError, UnsupportedError
from tinyml_core.hardware.profile import MemoryRegion
from tinyml_plugins.simulator import block_hook
from tinyml_plugins.simulator.elf import read_image
from tinyml_plugins.simulator.runner import MODELS, UnicornRunner

CORES = ["cortex-m4", "cortex-m7", "cortex-m33"]
PYTHON = UnicornRunner(compiled_hook=False)

SIX = """uint32_t six(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f);
uint32_t six(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{ return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f; }"""
LOOP = """uint32_t loop(uint32_t n);
__attribute__((naked)) uint32_t loop(uint32_t n) {
    __asm__ volatile("movs r1, #0\\n1: adds r1, r1, r0\\n subs r0, r0, #1\\n bne 1b\\n mov r0, r1\\n bx lr");
}"""
DEEP = """void deep(int n, volatile int *o); volatile int out;
__attribute__((naked, noinline)) void deep(int n, volatile int *o) {
    __asm__ volatile("push {r4, lr}\\n sub sp, sp, #64\\n str r0, [sp]\\n subs r0, r0, #1\\n bmi 1f\\n bl deep\\n"
                     "1: add sp, sp, #64\\n pop {r4, pc}");
}"""
BUSY = """int32_t busy(const uint8_t *bytes, int n); int32_t helper(int32_t v, int i);
__attribute__((noinline)) int32_t helper(int32_t v, int i) { return i % 3 == 0 ? v / (i + 1) : (v < i ? i : v - 1); }
int32_t busy(const uint8_t *bytes, int n) {
    int64_t total = 0;
    for (int i = 0; i < n; i++) { total = total * 3 + helper(bytes[i], i); if (total > 1000000) { total /= 7; } }
    return (int32_t)total;
}
uint8_t buffer[256];"""


@pytest.mark.parametrize("core", CORES)
def test_arguments_in_registers_and_on_the_stack(core, toolchain, load):
    device = load(SIX, ["six"], core=core, toolchain=toolchain)
    assert device.call("six", [1, 2, 3, 4, 5, 6]) == (91, None)
    assert device.call("six", [-1, 0, 0, 0, 0, 0])[0] == 0xFFFFFFFF


@pytest.mark.parametrize("core", [*CORES, "cortex-m3", "cortex-m0plus"])
@pytest.mark.parametrize("runner", [UnicornRunner(), PYTHON], ids=["compiled", "python"])
def test_instruction_count_of_a_known_loop(core, runner, load):
    if runner is not PYTHON and block_hook.load_hook() is None:
        pytest.skip("the block hook cannot be compiled here")
    result, measurement = load(LOOP, ["loop"], core=core, runner=runner).call("loop", [10], profile=True)
    assert result == 55
    assert measurement.instructions == 1 + 3 * 10 + 2
    assert measurement.instructions_basis == "measured"
    assert measurement.stack_bytes == 0
    assert [row.symbol for row in measurement.functions] == ["loop"]


def count_one_by_one(path, profile, symbol, arguments):
    """Instructions by a code hook on a machine of its own: slow and beyond doubt.

    The code hook passes over instructions whose condition fails. A core still issues them, so they are added: for every
    IT that ran, its following instructions that did not.
    """
    image, counts, end = read_image(path), Counter(), 0x9000_0000
    engine = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
    engine.ctl_set_cpu_model(getattr(arm_const, MODELS[profile.core]))
    for region in profile.regions:
        engine.mem_map(region.origin, region.size)
    engine.mem_map(end, 4096)
    for load_address, run_address, data, _ in image.segments:
        engine.mem_write(load_address, data)
        engine.mem_write(run_address, data)
    engine.hook_add(unicorn.UC_HOOK_CODE, lambda _, address, *__: counts.update([address]))
    for register, argument in enumerate(arguments):
        engine.reg_write(arm_const.UC_ARM_REG_R0 + register, argument)
    engine.reg_write(arm_const.UC_ARM_REG_SP, image.symbols["__stack_top"])
    engine.reg_write(arm_const.UC_ARM_REG_LR, end | 1)
    engine.emu_start(image.symbols[symbol] | 1, end)
    total = counts.total()
    for address in list(counts):
        opcode = int.from_bytes(engine.mem_read(address, 2), "little")
        if opcode >> 8 == 0xBF and opcode & 15:
            following = address + 2
            for _ in range(4 - ((opcode & -opcode).bit_length() - 1)):
                total += counts[address] - counts[following]
                following += 4 if engine.mem_read(following + 1, 1)[0] >> 3 >= 0x1D else 2
    return total


@pytest.mark.parametrize("core", [*CORES, "cortex-m0plus"])
def test_compiled_hook_python_hook_and_code_hook_agree(core, toolchain, compile_c, make_profile):
    profile = make_profile(core)
    binary = compile_c(BUSY, ["busy", "buffer"], profile=profile, toolchain=toolchain)
    measured = []
    for runner in (UnicornRunner(), PYTHON):
        device = runner.load(binary.path, profile)
        device.write(device.address("buffer"), bytes(range(256)))
        result, measurement = device.call("busy", [device.address("buffer"), 200], profile=True)
        again, same = device.call("busy", [device.address("buffer"), 200], profile=True)
        assert (again, same) == (result, measurement)
        measured.append((result, measurement))
    assert measured[0] == measured[1]
    blank = UnicornRunner().load(binary.path, profile)  # the code hook's machine starts with zeros
    arguments = [blank.address("buffer"), 200]
    counted = blank.call("busy", arguments, profile=True)[1].instructions
    assert counted == count_one_by_one(binary.path, profile, "busy", arguments)


def test_profile_by_function_adds_up(load):
    device = load(BUSY, ["busy", "buffer"])
    measurement = device.call("busy", [device.address("buffer"), 100], profile=True)[1]
    assert sum(row.instructions for row in measurement.functions) == measurement.instructions
    assert sum(row.cycles for row in measurement.functions) == measurement.cycles.core
    assert layer_costs(measurement, ["helper"])["helper"].instructions >= 100
    assert measurement.cycles.low <= measurement.cycles.core <= measurement.cycles.high


LAYERS = """
#define KEEP __attribute__((noinline, noclone))
KEEP int shared(int n) { volatile int sum = 0; for (int i = 0; i < n; ++i) sum += i; return sum; }
KEEP int first(int n) { return shared(n) + 1; }
KEEP int second(int n) { return shared(3 * n) + 2; }
KEEP int both(int n) { volatile int got = 0; for (int i = 0; i < 4; ++i) got += first(n) + second(n); return got; }
"""


@pytest.mark.parametrize("runner", [UnicornRunner(), PYTHON], ids=["compiled", "python"])
def test_a_layer_costs_what_it_calls_too(runner, load):
    device = load(LAYERS, ["both"], runner=runner)
    plain = {row.symbol: row.instructions for row in device.call("both", [100], profile=True)[1].functions}
    measured = device.call("both", [100], profile=True, layers=["first", "second"])[1]
    rows = {row.symbol: row.instructions for row in measured.functions}
    assert set(rows) == {"both", "first", "second"}
    assert sum(rows.values()) == measured.instructions == sum(plain.values())
    assert sum(row.cycles for row in measured.functions) == measured.cycles.core
    assert rows["both"] == plain["both"]
    assert 2.5 < rows["second"] / rows["first"] < 3


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(("depth", "frames"), [(0, 1), (1, 2), (10, 11)])
def test_stack_high_water_mark(core, depth, frames, load):
    device = load(DEEP, ["deep"], core=core)
    measurement = device.call("deep", [depth, 0], profile=True)[1]
    assert measurement.stack_bytes == 72 * frames
    assert device.call("deep", [0, 0], profile=True)[1].stack_bytes == 72  # the paint is fresh every time


def test_stack_overflow_faults_when_nothing_lies_below(load):
    with pytest.raises(
        DeviceFault, match=r"^deep\+0x\w+ .*stack overflow: write of 4 bytes at unmapped address 0x1fff"
    ):
        load(DEEP, ["deep"]).call("deep", [100, 0])


def test_stack_overflow_into_the_region_below_is_noticed(load):
    device = load(DEEP, ["deep"], region="sram1")
    with pytest.raises(DeviceFault, match="grew past its reserve of 2048 bytes"):
        device.call("deep", [30, 0], profile=True)


FAULTS = {
    "null": ("int null_read(volatile int *p); int null_read(volatile int *p) { return *p; }", "null_read", [0],
             r"null_read\+0x0 \(pc 0x\w+\): read of 4 bytes at unmapped address 0x00000000"),
    "beyond": ("void past(volatile uint8_t *p); void past(volatile uint8_t *p) { *p = 1; }", "past", [0x2003_0000],
               r"past\+0x\w+ .*write of 1 bytes at unmapped address 0x20030000"),
    "flash": ("void burn(volatile int *p); void burn(volatile int *p) { *p = 1; }", "burn", [0x0800_0100],
              r"burn\+0x\w+ .*write of 4 bytes to flash at 0x08000100"),
    "invalid": ('void odd(void); void odd(void) { __asm__ volatile("udf #1"); }', "odd", [],
                r"odd\+0x\w+ .*(invalid|undefined) instruction"),
    "jump": ("void leap(void (*f)(void)); void leap(void (*f)(void)) { f(); f(); }", "leap", [0x1000_0001],
             r"leap\+0x\w+ .*jump to unmapped address 0x10000000"),
    "device": ("void leap(void (*f)(void)); void leap(void (*f)(void)) { f(); f(); }", "leap", [0x4000_0001],
               r"leap\+0x\w+ .*jump to 0x40000000, which is not code"),
    "data": ("void leap(void (*f)(void)); void leap(void (*f)(void)) { f(); f(); }", "leap", [0x2000_1001],
             r"leap\+0x\w+ .*jump to data at 0x20001000"),
    "constant": ("void leap(void (*f)(void)); void leap(void (*f)(void)) { f(); f(); }", "leap", [0x0803_0001],
                 r"leap\+0x\w+ .*jump to 0x08030000, which is not code"),
    "breakpoint": ('void halt(void); void halt(void) { __asm__ volatile("bkpt #0"); }', "halt", [], "breakpoint"),
    "sleep": ('void nap(void); void nap(void) { __asm__ volatile("wfi"); }', "nap", [], "went to sleep"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(FAULTS))
def test_faults_name_kind_address_and_function(case, load):
    body, function, arguments, message = FAULTS[case]
    device = load(f"{body}\n{SIX}", [function, "six"])
    with pytest.raises(DeviceFault, match=message):
        device.call(function, arguments)
    assert device.call("six", [1, 2, 3, 4, 5, 6])[0] == 91  # the machine is as good as new


def test_unaligned_words_are_fine_but_on_armv6m(load):
    body = "uint32_t word(volatile uint32_t *p); uint32_t word(volatile uint32_t *p) { return *p; }"
    assert load(body, ["word"], core="cortex-m4").call("word", [0x2000_0001])[0] >= 0
    with pytest.raises(DeviceFault, match="unaligned"):
        load(body, ["word"], core="cortex-m0plus").call("word", [0x2000_0001])


def test_instruction_budget_is_deterministic(load):
    body = 'void spin(void); void spin(void) { for (;;) { __asm__ volatile(""); } }'
    device = load(body, ["spin"], runner=UnicornRunner(max_instructions=1_000_000))
    with pytest.raises(DeviceFault, match=r"^spin\+0x\w+ .*executed more than 1000000 instructions"):
        device.call("spin", [], profile=True)


def test_time_limit(load):
    body = 'void spin(void); void spin(void) { for (;;) { __asm__ volatile(""); } }'
    for runner in (UnicornRunner(timeout_seconds=0.2), UnicornRunner(timeout_seconds=0.2, compiled_hook=False)):
        with pytest.raises(DeviceFault, match=r"^spin\+0x\w+ .*still running after 0.2 s"):
            load(body, ["spin"], runner=runner).call("spin", [])


@pytest.mark.parametrize("core", CORES)
def test_smlad_multiplies_both_halves(core, toolchain, load):
    body = """#include <arm_acle.h>
    int32_t dot(const int16_t *a, const int16_t *b, int n);
    int32_t dot(const int16_t *a, const int16_t *b, int n) {
        int32_t total = 0;
        for (int i = 0; i < n; i += 2) {
            int16x2_t x, y;
            __builtin_memcpy(&x, a + i, 4);
            __builtin_memcpy(&y, b + i, 4);
            total = __smlad(x, y, total);
        }
        return total;
    }
    int16_t left[64], right[64];"""
    device = load(body, ["dot", "left", "right"], core=core, toolchain=toolchain)
    a, b = np.random.default_rng(5).integers(-(2**15), 2**15, (2, 64)).astype("<i2")
    device.write(device.address("left"), a.tobytes())
    device.write(device.address("right"), b.tobytes())
    result, measurement = device.call("dot", [device.address("left"), device.address("right"), 64], profile=True)
    expected = int(np.dot(a.astype(np.int64), b.astype(np.int64))) & 0xFFFFFFFF
    assert result == expected
    assert measurement.instructions < 64 * 5


def test_startup_code_initialises_memory_and_calls_main(make_profile, compile_c, toolchain):
    profile = make_profile()
    body = """int32_t initial[3] = {11, 22, 33}; int32_t zero[8]; int32_t *use(int i);
    int32_t *use(int i) { return i ? initial : zero; }"""
    binary = compile_c(body, ["use"], toolchain=toolchain, profile=profile)
    device = UnicornRunner(max_instructions=100_000).load(binary.path, profile)
    assert struct.unpack("<3i", device.read(device.address("initial"), 12)) == (11, 22, 33)
    device.write(device.address("initial"), b"\xff" * 12)
    device.write(device.address("zero"), b"\xff" * 32)
    with pytest.raises(DeviceFault, match=r"^Reset_Handler\+0x\w+ .*more than 100000 instructions"):
        device.call("Reset_Handler", [], profile=True)
    assert struct.unpack("<3i", device.read(device.address("initial"), 12)) == (11, 22, 33)
    assert device.read(device.address("zero"), 32) == bytes(32)


def test_usage_errors(load, make_profile, tmp_path):
    device = load(SIX, ["six"])
    with pytest.raises(InputError, match="no symbol 'seven'"):
        device.call("seven", [])
    with pytest.raises(InputError, match="no memory"):
        device.read(0x4000_0000, 4)
    with pytest.raises(InputError, match="no memory"):
        device.write(0x4000_0000, b"1234")
    garbage = tmp_path / "garbage.elf"
    garbage.write_bytes(b"\x7fELF" + bytes(range(200)))
    for path in (garbage, tmp_path / "absent.elf", tmp_path / "program.c"):
        with pytest.raises(InputError, match=path.name):
            UnicornRunner().load(path, make_profile())


def test_binaries_and_profiles_that_do_not_fit_the_machine(compile_c, make_profile):
    path = compile_c(SIX, ["six"]).path
    flash, sram = MemoryRegion("flash", "flash", 0, 65536), MemoryRegion("sram", "sram", 0x2000_0000, 65536)
    with pytest.raises(InputError, match="has no memory"):
        UnicornRunner().load(path, make_profile(regions=(flash, sram)))
    with pytest.raises(UnsupportedError, match="pages"):
        UnicornRunner().load(path, make_profile(regions=(flash, MemoryRegion("sram", "sram", 0x2000_0000, 1000))))
    with pytest.raises(UnsupportedError, match="overlap"):
        UnicornRunner().load(path, make_profile(regions=(flash, sram, sram)))
    with pytest.raises(UnsupportedError, match="cortex-a53"):
        UnicornRunner().load(path, make_profile("cortex-a53"))
    assert isinstance(UnicornRunner(), Runner)


def test_the_hook_falls_back_to_python_and_says_so(monkeypatch, caplog, compile_c, make_profile):
    path = compile_c(LOOP, ["loop"]).path  # built while zig is still there
    monkeypatch.setitem(sys.modules, "ziglang", None)
    block_hook.load_hook.cache_clear()
    try:
        with caplog.at_level("INFO", logger="tinyml_plugins.simulator"):
            device = UnicornRunner().load(path, make_profile())
        assert "counted in Python" in caplog.text
        assert device.call("loop", [3], profile=True)[1].instructions == 1 + 3 * 3 + 2
    finally:
        block_hook.load_hook.cache_clear()


def test_the_compiled_hook_is_built_into_the_user_cache(monkeypatch, tmp_path):
    pytest.importorskip("ziglang")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    block_hook.load_hook.cache_clear()
    try:
        assert isinstance(block_hook.load_hook(), ctypes.CDLL)
        assert [path.suffix for path in (tmp_path / "tinyml-core").iterdir()] == [".so"]
    finally:
        block_hook.load_hook.cache_clear()


def test_a_program_without_a_stack_reserve(load):
    device = load(LOOP, ["loop"], stack=0, region="sram1")
    assert device.call("loop", [4], profile=True)[1].stack_bytes == 0
