"""The Makefile builds the generated sources with plain make, and what it builds runs."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tinyml_core.api.generator import GeneratedCode
from tinyml_core.api.project_writer import CompiledNetwork, ProjectWriter
from tinyml_plugins.simulator.gcc import GccToolchain
from tinyml_plugins.simulator.makefile import MakefileWriter
from tinyml_plugins.simulator.runner import UnicornRunner

CODE = GeneratedCode(
    files={
        "net.h": "#include <stdint.h>\nint net_invoke(void *arena);\n",
        "net.c": '#include "net.h"\nint net_invoke(void *arena) { return ((uint8_t *)arena)[0] + 40; }\n',
        "example.c": '#include "net.h"\nuint8_t net_arena[64];\nint main(void) { return net_invoke(net_arena); }\n',
    },
    invoke="net_invoke",
    arena="net_arena",
    layers=(),
    library=("net.c",),
    example="example.c",
)


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m7", "cortex-m33"])
def test_make_builds_firmware_that_runs(core, tmp_path, make_profile):
    if (reason := GccToolchain().missing()) is not None:
        pytest.skip(reason)
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    profile = make_profile(core)
    writer = MakefileWriter()
    assert isinstance(writer, ProjectWriter)
    added = writer.write(CompiledNetwork("net", "net", profile, "sram1", 1024, 64, 4, CODE))
    assert sorted(added) == ["Makefile", "linker.ld", "startup.c"]
    for name, text in {**CODE.files, **added}.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(["make"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    device = UnicornRunner().load(tmp_path / "firmware.elf", profile)
    device.write(device.address("net_arena"), b"\x02")
    assert device.call("net_invoke", [device.address("net_arena")])[0] == 42
    assert 0x2001_0000 <= device.address("net_arena") < 0x2003_0000
    again = subprocess.run(["make"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "up to date" in again.stdout
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert not (tmp_path / "firmware.elf").exists()
