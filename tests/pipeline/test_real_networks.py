"""Real networks on the emulated Cortex-M7, in every mode of memory: exact, and nothing but the plan's SRAM touched."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tinyml_core import Platform
from tinyml_core.arithmetic.executor import execute
from tinyml_core.graph.serialise import load
from tinyml_core.pipeline.compilation import GRAPH_FILE, CompileOptions
from tinyml_core.pipeline.manifest import read_manifest
from tinyml_plugins.simulator.engine import unicorn
from tinyml_plugins.simulator.runner import UnicornRunner

MODELS = Path(__file__).resolve().parents[3] / "shared" / "models"
MODES = {
    "latency": {},
    "sram": {"objective": "sram"},
    "rows": {"objective": "sram", "input_mode": "rows"},
}
CASES = [
    *((f"{name}.tflite", mode) for name in ("kws_ref_model", "vww_96_int8", "mcunet_vww1") for mode in MODES),
    ("ad01_int8.tflite", "latency"),
    ("ad01_int8.tflite", "sram"),
    *(
        pytest.param(f"{name}.qdq.onnx", mode, marks=pytest.mark.slow)
        for name in ("mcunet_5fps", "mbv2_w0.35")
        for mode in MODES
    ),
]


@pytest.mark.skipif(not MODELS.is_dir(), reason="needs ../shared/models beside the checkout")
@pytest.mark.parametrize(("file", "mode"), CASES)
def test_exact_within_the_plan(file, mode, tmp_path):
    out = tmp_path / "out"
    Platform().compile(MODELS / file, "stm32f746", out, CompileOptions(**MODES[mode]))
    manifest, graph = read_manifest(out), load(out / GRAPH_FILE)
    device = UnicornRunner().load(out / "model.elf", manifest.profile.restore())
    strays = _watch_outside(device, manifest)
    rng = np.random.default_rng(5)
    inputs = {
        name: rng.integers(*graph.tensors[name].dtype.limits, graph.tensors[name].shape, endpoint=True).astype(np.int8)
        for name in graph.inputs
    }
    _infer(device, manifest, inputs)
    arena = device.address(manifest.arena_symbol)
    for port in manifest.outputs:
        expected = execute(graph, inputs)[port.name]
        assert device.read(arena + port.offset, port.size) == expected.tobytes()
    assert not strays, f"{strays[0][0]} of {strays[0][2]} bytes at 0x{strays[0][1]:08x}"


def _infer(device, manifest, inputs):
    arena, feed = device.address(manifest.arena_symbol), manifest.feed
    for port in manifest.inputs:
        data = inputs[port.name].tobytes()
        if feed is None:
            device.write(arena + port.offset, data)
            continue
        assert device.call(feed.begin, [arena])[0] == 0
        for row in range(feed.rows):
            at = arena + port.offset + row % feed.slots * feed.row_bytes
            device.write(at, data[row * feed.row_bytes : (row + 1) * feed.row_bytes])
            assert device.call(manifest.invoke, [arena])[0] == 0
    if feed is None:
        assert device.call(manifest.invoke, [arena])[0] == 0


def _watch_outside(device, manifest):
    """Accesses of SRAM outside the arena and the bounded stack, and writes anywhere in flash."""
    strays = []
    arena, top = device.address(manifest.arena_symbol), device.address("__stack_top")
    assert manifest.stack_bound is not None
    allowed = sorted([(arena, arena + manifest.arena_bytes), (top - manifest.stack_bound, top)])
    regions = [(r.origin, r.origin + r.size) for r in manifest.profile.regions if r.kind == "sram"]
    edges = sorted({edge for pair in (*allowed, *regions) for edge in pair})
    both = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE
    for low, high in pairwise(edges):
        inside = any(start <= low and high <= end for start, end in allowed)
        if not inside and any(start <= low and high <= end for start, end in regions):
            device._engine.hook_add(both, _note("access", strays), begin=low, end=high - 1)
    for region in manifest.profile.regions:
        if region.kind == "flash":
            note, last = _note("write", strays), region.origin + region.size - 1
            device._engine.hook_add(unicorn.UC_HOOK_MEM_WRITE, note, begin=region.origin, end=last)
    return strays


def _note(what, strays):
    return lambda engine, access, address, size, value, data: strays.append((what, address, size))
