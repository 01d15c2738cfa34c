"""Building for every core with both compilers, and every way a build can fail."""

from __future__ import annotations

import dataclasses
import sys
import time

import pytest
from elftools.elf.elffile import ELFFile

from tinyml_core.api.toolchain import Toolchain
from tinyml_core.errors import CapacityError, InputError, ToolchainError, UnsupportedError
from tinyml_core.hardware.profile import MemoryRegion
from tinyml_plugins.simulator import cache
from tinyml_plugins.simulator.cores import CORES, gcc_flags, zig_flags
from tinyml_plugins.simulator.elf import read_image
from tinyml_plugins.simulator.firmware import linker_script
from tinyml_plugins.simulator.gcc import GccToolchain
from tinyml_plugins.simulator.zig import ZigToolchain

ANSWER = "int answer(int x); __attribute__((noinline)) int answer(int x) { return 2 * x; }"
FLOAT = "float scale(float x); __attribute__((noinline)) float scale(float x) { return 3.0f * x; }"


@pytest.mark.parametrize("core", sorted(CORES))
def test_every_core_builds(core, toolchain, compile_c, make_profile):
    assert isinstance(toolchain, Toolchain)
    strict = dataclasses.replace(toolchain, warnings_as_errors=True)
    binary = compile_c(ANSWER, ["answer"], toolchain=strict, profile=make_profile(core))
    assert binary.code > 64  # more than the vector table
    assert binary.compiler.split()[0] in ("zig", "gcc")


@pytest.mark.parametrize(("features", "soft"), [(("dsp", "fpu-sp"), False), (("dsp",), True)])
def test_float_uses_the_fpu_only_where_there_is_one(features, soft, toolchain, compile_c, make_profile):
    binary = compile_c(FLOAT, ["scale"], toolchain=toolchain, profile=make_profile("cortex-m4", features))
    assert ("__aeabi_fmul" in read_image(binary.path).symbols) is soft


def test_flags_name_every_unit(make_profile):
    assert zig_flags(make_profile("cortex-m33"))[-1] == "-mcpu=cortex_m33+dsp+fp_armv8d16sp"
    assert zig_flags(make_profile("cortex-m7", ("fpu-dp",)))[-1] == "-mcpu=cortex_m7+fp_armv8d16"
    assert zig_flags(make_profile("cortex-m0plus"))[1] == "thumb-freestanding-eabi"
    assert gcc_flags(make_profile("cortex-m33", ()))[0] == "-mcpu=cortex-m33+nodsp"
    with pytest.raises(UnsupportedError, match="cortex-a53"):
        zig_flags(make_profile("cortex-a53"))


def test_sizes_are_those_of_the_sources(toolchain, compile_c):
    empty = compile_c("", toolchain=toolchain)
    body = "int32_t values[25] = {7}; static uint8_t arena[1000]; const uint32_t table[40] = {1};"
    body += "uint32_t use(int i); uint32_t use(int i) { arena[i]++; return arena[i] + table[i] + (uint32_t)values[i]; }"
    full = compile_c(body, ["use"], toolchain=toolchain)
    assert full.static - empty.static == pytest.approx(100 + 1000, abs=8)
    assert full.constants - empty.constants == pytest.approx(160 + 100, abs=8)
    assert full.code > empty.code


def test_overflow_of_sram_is_told_to_the_byte(toolchain, compile_c):
    body = "uint8_t big[70000]; uint8_t *use(void); uint8_t *use(void) { return big; }"
    with pytest.raises(CapacityError, match=r"region dtcm \(65536 bytes\) overflows by (\d+) bytes") as caught:
        compile_c(body, ["use"], toolchain=toolchain, stack=1024)
    # 8 bytes: the array `kept` and its alignment
    assert f"by {1024 + 70000 + 8 - 65536} bytes" in str(caught.value)


def test_overflow_by_the_stack_alone(toolchain, compile_c):
    with pytest.raises(CapacityError, match=rf"region dtcm .* overflows by {65536 + 8 - 65536} bytes"):
        compile_c(ANSWER, ["answer"], toolchain=toolchain, stack=65536)


def test_overflow_of_flash_is_told(toolchain, compile_c):
    body = "const uint8_t weights[300000] = {1}; int use(int i); int use(int i) { return weights[i]; }"
    with pytest.raises(CapacityError, match=r"region flash \(262144 bytes\) overflows by (\d+) bytes") as caught:
        compile_c(body, ["use"], toolchain=toolchain)
    assert 300000 - 262144 < int(str(caught.value).split("overflows by ")[1].split()[0]) < 300000 - 262144 + 2048


@pytest.mark.parametrize(("region", "origin"), [("dtcm", 0x2000_0000), ("sram1", 0x2001_0000)])
def test_data_lies_in_the_region_asked_for(region, origin, toolchain, compile_c):
    body = "uint8_t arena[512]; uint8_t *use(void); uint8_t *use(void) { return arena; }"
    binary = compile_c(body, ["use"], toolchain=toolchain, region=region, stack=4096)
    symbols = read_image(binary.path).symbols
    assert symbols["__stack_limit"] == origin
    assert symbols["__stack_top"] == origin + 4096 <= symbols["arena"]


def test_a_region_must_be_sram_that_exists(make_profile):
    with pytest.raises(InputError, match="flash"):
        linker_script(make_profile(), "flash", 1024)
    with pytest.raises(InputError, match="no memory region 'ccm'"):
        linker_script(make_profile(), "ccm", 1024)


def test_a_hostile_region_name_does_not_reach_the_linker_script(make_profile):
    evil = MemoryRegion("x} INCLUDE /etc/passwd {", "sram", 0x2000_0000, 4096)
    flash = MemoryRegion("flash", "flash", 0, 65536)
    script = linker_script(make_profile(regions=(flash, evil)), evil.name, 256)
    assert "INCLUDE /etc" not in script
    assert "X__INCLUDE__ETC_PASSWD__" in script


def test_the_first_compiler_error_is_the_message(toolchain, compile_c, tmp_path):
    with pytest.raises(ToolchainError, match=r"program\.c:2:\d+: error: .*undeclared"):
        compile_c("int broken(void); int broken(void) { return missing; }", toolchain=toolchain)
    assert not (tmp_path / "program.elf").exists()
    with pytest.raises(ToolchainError, match="nowhere"):
        compile_c("int nowhere(void); int use(void); int use(void) { return nowhere(); }", ["use"], toolchain=toolchain)


def test_warnings_are_errors_when_asked(toolchain, compile_c):
    body = "int8_t narrow(int x); int8_t narrow(int x) { return x; }"
    compile_c(body, ["narrow"], toolchain=toolchain)
    with pytest.raises(ToolchainError, match="conversion"):
        compile_c(body, ["narrow"], toolchain=dataclasses.replace(toolchain, warnings_as_errors=True))


def test_optimisation_is_a_level_and_nothing_else(toolchain, compile_c):
    with pytest.raises(InputError, match="optimisation"):
        compile_c(ANSWER, toolchain=dataclasses.replace(toolchain, optimisation="-o/etc/passwd"))


def test_builds_are_reproducible(toolchain, compile_c, tmp_path):
    images = []
    for _ in range(2):
        binary = compile_c(ANSWER, ["answer"], toolchain=toolchain)
        images.append(read_image(binary.path).segments)
        binary.path.rename(tmp_path / f"{len(images)}.elf")
    assert images[0] == images[1]


def test_no_debug_sections_but_symbols(toolchain, compile_c):
    binary = compile_c(ANSWER, ["answer"], toolchain=toolchain)
    with binary.path.open("rb") as stream:
        names = {section.name for section in ELFFile(stream).iter_sections()}
    assert not any(name.startswith(".debug") for name in names)
    assert "answer" in read_image(binary.path).symbols


def test_gcc_missing_says_how_to_install_it(monkeypatch, compile_c):
    monkeypatch.setenv("PATH", "")
    assert "apt install gcc-arm-none-eabi" in (GccToolchain().missing() or "")
    with pytest.raises(ToolchainError, match="apt install"):
        compile_c(ANSWER, toolchain=GccToolchain())


def test_zig_missing_says_how_to_install_it(monkeypatch, compile_c):
    monkeypatch.setitem(sys.modules, "ziglang", None)
    assert "pip install ziglang" in (ZigToolchain().missing() or "")
    with pytest.raises(ToolchainError, match="pip install ziglang"):
        compile_c(ANSWER, toolchain=ZigToolchain())


def test_unwritable_cache_is_replaced_by_a_private_one(monkeypatch, compile_c):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nope")
    monkeypatch.delenv("ZIG_GLOBAL_CACHE_DIR", raising=False)
    monkeypatch.delenv("ZIG_LOCAL_CACHE_DIR", raising=False)
    assert not cache.writable(cache._user_cache())
    assert cache.writable(cache.plugin_cache())
    assert compile_c(ANSWER, ["answer"], toolchain=ZigToolchain()).code > 0


def test_a_build_is_killed_at_its_time_limit(compile_c, toolchain):
    start = time.monotonic()
    with pytest.raises(ToolchainError, match="did not finish"):
        compile_c(ANSWER, toolchain=dataclasses.replace(toolchain, timeout_seconds=0.001))
    assert time.monotonic() - start < 200
