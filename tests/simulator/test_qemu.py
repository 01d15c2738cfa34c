"""QEMU as a second opinion: the same results, counts and stack as Unicorn's, for the same binaries."""

from __future__ import annotations

import pytest

from tinyml_core.errors import DeviceFault, InputError, ToolchainError, UnsupportedError
from tinyml_core.hardware.profile import MemoryRegion
from tinyml_plugins.simulator.qemu.runner import QemuRunner
from tinyml_plugins.simulator.runner import UnicornRunner

if (reason := QemuRunner().missing()) is not None:
    pytest.skip(reason, allow_module_level=True)

SUM = """
float scaled(const int8_t *data, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; ++i) {
        if (data[i] > 3) sum += data[i] * data[i];
    }
    return (float)sum * 0.5f;
}
__attribute__((noinline)) int32_t deep(int32_t n)
{
    volatile int32_t kept[8] = {n};
    return n == 0 ? 0 : deep(n - 1) + kept[0];
}
int8_t data[256] = {1, 2, 3, 4};
int32_t total(int32_t count, int32_t depth) { return (int32_t)scaled(data, count) + deep(depth); }
int32_t undefined(void) { __asm__ volatile("udf #0"); return 1; }
int32_t forever(void) { for (volatile int i = 0;; i = 1) { } }
int32_t nowhere(void) { return *(volatile int32_t *)0xDEAD0000u; }
"""
FUNCTIONS = ("total", "undefined", "forever", "nowhere")
PLACES = {  # flash and SRAM where the machine has them
    "cortex-m4": (0x0800_0000, 0x2000_0000),
    "cortex-m7": (0, 0x2000_0000),
    "cortex-m33": (0x1000_0000, 0x3800_0000),
}


def _regions(flash, sram):
    return MemoryRegion("flash", "flash", flash, 256 * 1024), MemoryRegion("dtcm", "sram", sram, 64 * 1024)


@pytest.fixture(params=PLACES)
def pair(request, compile_c, make_profile, toolchain):
    """The same binary on QEMU and on Unicorn."""
    profile = make_profile(request.param, regions=_regions(*PLACES[request.param]))
    binary = compile_c(SUM, FUNCTIONS, toolchain=toolchain, profile=profile).path
    return [runner.load(binary, profile) for runner in (QemuRunner(), UnicornRunner())]


def test_results_counts_and_stack_are_those_of_unicorn(pair):
    rng_bytes = bytes((37 * i + 11) % 256 for i in range(256))
    for arguments in ([4, 0], [256, 9], [255, 1]):
        told = []
        for device in pair:
            device.write(device.address("data"), rng_bytes)
            result, measured = device.call("total", arguments, profile=True)
            told.append((result, measured.instructions, measured.stack_bytes, measured.cycles.low))
            assert device.read(device.address("data"), 256) == rng_bytes
            assert device.call("total", arguments) == (result, None)
        assert told[0] == told[1]
        functions = [
            {row.symbol: row.instructions for row in device.call("total", arguments, profile=True)[1].functions}
            for device in pair
        ]
        assert functions[0] == functions[1]


@pytest.mark.parametrize(("symbol", "status"), [("undefined", "00010000"), ("nowhere", "00008200")])
def test_an_exception_is_told_with_its_place(pair, symbol, status):
    device = pair[0]
    with pytest.raises(DeviceFault, match=rf"{symbol}.*took an exception \(CFSR 0x{status}\)"):
        device.call(symbol, [])
    with pytest.raises(DeviceFault, match="load the binary anew"):
        device.call("total", [0, 3])


def test_a_call_that_does_not_end_is_stopped(compile_c, make_profile):
    profile = make_profile("cortex-m4")
    binary = compile_c(SUM, FUNCTIONS, profile=profile).path
    with pytest.raises(DeviceFault, match=r"locked up or ran for more than 0\.3 s"):
        QemuRunner(timeout_seconds=0.3).load(binary, profile).call("forever", [])


def test_instructions_do_not_depend_on_addresses(compile_c, make_profile):
    counts = set()
    for flash, sram in ((0x0800_0000, 0x2000_0000), (0, 0x2000_8000)):
        profile = make_profile("cortex-m4", regions=_regions(flash, sram))
        device = QemuRunner().load(compile_c(SUM, FUNCTIONS, profile=profile).path, profile)
        counts.add(device.call("total", [200, 5], profile=True)[1].instructions)
    assert len(counts) == 1


def test_memory_that_no_machine_has_is_refused(compile_c, make_profile):
    profile = make_profile("cortex-m7")
    with pytest.raises(UnsupportedError, match=r"mps2-an500 0x00000000 \(0x400000 bytes\)"):
        QemuRunner().load(compile_c(SUM, FUNCTIONS, profile=profile).path, profile)
    with pytest.raises(InputError, match="unknown machine 'toaster'"):
        QemuRunner(machine="toaster").load(compile_c(SUM, FUNCTIONS, profile=profile).path, profile)


def test_without_qemu_says_what_to_install(compile_c, make_profile):
    profile = make_profile()
    with pytest.raises(ToolchainError, match="no-such-qemu is not on PATH; apt install qemu-system-arm"):
        QemuRunner(program="no-such-qemu").load(compile_c(SUM, FUNCTIONS, profile=profile).path, profile)
