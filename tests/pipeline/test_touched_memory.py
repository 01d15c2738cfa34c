"""The SRAM a report tells is the SRAM the binary touches: every access of a run is watched on the emulated core."""

import numpy as np
import pytest

from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.manifest import read_manifest
from tinyml_plugins.simulator.engine import unicorn
from tinyml_plugins.simulator.runner import UnicornRunner


@pytest.mark.parametrize("objective", ["latency", "sram"])
def test_nothing_outside_arena_stack_and_constants_is_touched(platform, network, tmp_path, objective):
    out = tmp_path / "out"
    platform.compile(network, "stm32f746", out, CompileOptions(objective=objective))
    manifest = read_manifest(out)
    profile = manifest.profile.restore()
    device = UnicornRunner().load(out / "model.elf", profile)
    written, read = set(), set()

    def watch(engine, access, address, size, value, data):
        (written if access == unicorn.UC_MEM_WRITE else read).update(range(address, address + size))

    device._engine.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, watch)
    arena = device.address(manifest.arena_symbol)
    rng = np.random.default_rng(0)
    port = manifest.inputs[0]
    device.write(arena + port.offset, rng.integers(0, 256, port.size, np.uint8).tobytes())
    _, measurement = device.call(manifest.invoke, [arena], profile=True)

    sram = [region for region in profile.regions if region.kind == "sram"]
    flash = [region for region in profile.regions if region.kind == "flash"]
    top = device.address("__stack_top")
    allowed = set(range(arena, arena + manifest.arena_bytes)) | set(range(top - measurement.stack_bytes, top))
    in_sram = {byte for byte in written | read if any(r.origin <= byte < r.origin + r.size for r in sram)}
    assert in_sram <= allowed
    assert all(any(r.origin <= byte < r.origin + r.size for r in sram + flash) for byte in written | read)
    assert not any(r.origin <= byte < r.origin + r.size for byte in written for r in flash)
    # the plan is not padded either: its highest byte is used
    used = {byte - arena for byte in in_sram if arena <= byte < arena + manifest.arena_bytes}
    assert max(used) >= manifest.arena_bytes - 4
