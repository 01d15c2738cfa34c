"""Profiles, toolchains and a builder of small C programs for the simulator's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_core.hardware.profile import HardwareProfile, MemoryRegion
from tinyml_plugins.simulator.gcc import GccToolchain
from tinyml_plugins.simulator.runner import UnicornRunner
from tinyml_plugins.simulator.zig import ZigToolchain

FEATURES = {
    "cortex-m0plus": (),
    "cortex-m3": (),
    "cortex-m4": ("dsp", "fpu-sp"),
    "cortex-m7": ("dsp", "fpu-sp"),
    "cortex-m33": ("dsp", "fpu-sp"),
}
TOOLCHAINS = {"zig": ZigToolchain(), "gcc": GccToolchain()}


@pytest.fixture
def make_profile():
    """Builder of profiles: two SRAM regions without a gap, as on an STM32F7."""

    def make(core="cortex-m4", features=None, regions=None):
        return HardwareProfile(
            name="test-board",
            title="Test board",
            vendor="none",
            core=core,
            features=frozenset(FEATURES.get(core, ()) if features is None else features),
            clock_hz=100_000_000,
            regions=regions
            or (
                MemoryRegion("flash", "flash", 0x0800_0000, 256 * 1024),
                MemoryRegion("dtcm", "sram", 0x2000_0000, 64 * 1024),
                MemoryRegion("sram1", "sram", 0x2001_0000, 128 * 1024),
            ),
            sources={},
        )

    return make


@pytest.fixture(params=sorted(TOOLCHAINS))
def toolchain(request):
    """Each toolchain in turn."""
    chosen = TOOLCHAINS[request.param]
    if (reason := chosen.missing()) is not None:
        pytest.skip(reason)
    return chosen


@pytest.fixture
def compile_c(tmp_path: Path, make_profile):
    """Builder of one-file programs; ``functions`` are kept although nobody calls them."""

    def compile_(body, functions=(), *, toolchain=TOOLCHAINS["zig"], profile=None, region="dtcm", stack=2048):
        keep = ", ".join(f"(void *){name}" for name in functions) or "0"
        source = tmp_path / "program.c"
        source.write_text(
            f"#include <stdint.h>\n{body}\nvoid *volatile kept[] = {{{keep}}};\n"
            "int main(void) { return kept[0] != 0; }\n"
        )
        target = profile or make_profile()
        return toolchain.build([source], tmp_path / "program.elf", target, region=region, stack=stack)

    return compile_


@pytest.fixture
def load(compile_c, make_profile):
    """Builder of devices: compile and load."""

    def load_(body, functions, *, core="cortex-m4", runner=None, profile=None, **options):
        target = profile or make_profile(core)
        binary = compile_c(body, functions, profile=target, **options)
        return (runner or UnicornRunner()).load(binary.path, target)

    return load_
