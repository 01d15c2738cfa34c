"""From a graph to a folder, and from the folder to outputs: exact, honest, and clear when something is wrong."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from tinyml_core.arithmetic.executor import execute
from tinyml_core.errors import CapacityError, InputError, ToolchainError, UnsupportedError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.graph import Rounding
from tinyml_core.graph.operators import RELU, Binary, Clamp
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.manifest import read_manifest


def test_the_binary_equals_the_reference(platform, compiled, network):
    x = np.random.default_rng(0).integers(-128, 128, (5, 8, 8, 1)).astype(np.int8)
    execution = platform.run(compiled, {"image": x})
    assert execution.exact
    assert execution.differing_bytes == 0
    expected = [execute(network, {"image": sample[np.newaxis]})["scores"] for sample in x]
    np.testing.assert_array_equal(execution.outputs["scores"], np.concatenate(expected))


def test_a_difference_is_seen(platform, compiled, tmp_path):
    """The comparison can fail: a binary whose weights were changed is not exact."""
    broken = tmp_path / "broken"
    shutil.copytree(compiled, broken)
    from tinyml_core.graph.serialise import load, save

    graph = load(broken / "model.tinyml")
    tensor = graph.tensors["w2"]
    tensor.data.setflags(write=True)
    tensor.data[...] = -tensor.data
    save(graph, broken / "model.tinyml")
    execution = platform.run(broken)
    assert not execution.exact
    assert execution.differing_bytes > 0


def test_floats_in_floats_out(platform, compiled):
    x = np.random.default_rng(0).uniform(0, 1, (3, 8, 8, 1))
    execution = platform.run(compiled, {"x": x})
    assert execution.outputs["scores"].dtype == np.float32
    assert execution.outputs["scores"].shape == (3, 4)
    assert execution.exact


def test_report_keys_and_sums(platform, compiled):
    report = platform.run(compiled).report()
    json.dumps(report)
    sram = report["sram_bytes"]
    assert set(sram) == {"arena", "input", "output", "static", "stack", "total"}
    assert sram["total"] == sum(value for key, value in sram.items() if key != "total")
    assert sram["stack"] > 0
    flash = report["flash_bytes"]
    assert flash["total"] == flash["weights"] + flash["code"]
    assert report["cycles"]["low"] <= report["cycles"]["core"] <= report["cycles"]["high"]
    assert report["milliseconds"]["low"] <= report["milliseconds"]["high"]
    assert [layer["name"] for layer in report["layers"]] == ["stem", "mix", "residual", "pool", "scores"]
    assert 0 < sum(layer["instructions"] for layer in report["layers"]) <= report["instructions"]
    assert report["macs"] == sum(layer["macs"] for layer in report["layers"])


def test_instructions_are_the_same_every_time(platform, compiled):
    reports = [platform.run(compiled, seed=7).report() for _ in range(2)]
    assert reports[0] == reports[1]


def test_the_arena_is_the_plan(platform, compiled):
    manifest = read_manifest(compiled)
    header = (compiled / "model.h").read_text()
    assert f" {manifest.arena_bytes}" in header
    assert manifest.static_bytes >= manifest.arena_bytes >= manifest.lower_bound


@pytest.mark.parametrize(("field", "value"), [("clock_hz", 0), ("clock_hz", -1), ("board_factor", {"value": 1e999})])
def test_a_manifest_of_impossible_numbers_is_refused(compiled, tmp_path, field, value):
    manifest = json.loads((compiled / "manifest.json").read_text())
    factor = {"board": "none", "source": "none"}
    manifest["profile"][field] = factor | value if isinstance(value, dict) else value
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=rf"profile\.{field}"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("objective", ["latency", "sram"])
def test_objectives_and_roundings_are_exact(platform, network, tmp_path, rounding, objective):
    out = tmp_path / "out"
    platform.compile(network, "stm32l4r5", out, CompileOptions(rounding=rounding, objective=objective))
    assert platform.run(out).exact


def test_sources_are_identical_from_run_to_run(platform, network, tmp_path, compiled):
    platform.compile(network, "stm32f746", tmp_path / "again")
    for path in sorted(compiled.iterdir()):
        if path.suffix != ".elf":
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_the_folder_builds_by_itself(compiled, tmp_path):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    alone = tmp_path / "alone"
    shutil.copytree(compiled, alone)
    (alone / "model.elf").unlink()
    done = subprocess.run(["make", "-C", str(alone)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert list(alone.glob("*.elf"))


def test_a_network_that_cannot_fit_says_by_how_much(platform, network, tmp_path):
    with pytest.raises(CapacityError, match=r"more than the \d+ available"):
        platform.compile(network, "stm32f746", tmp_path / "out", CompileOptions(sram=2100))
    assert list(tmp_path.iterdir()) == []


def test_an_operator_without_a_kernel_is_refused_by_name(platform, tmp_path):
    b = GraphBuilder("power")
    q = Quantization.per_tensor(0.1)
    x = b.input("x", (1, 4), DType.INT8, q)
    y = b.node(Binary(function="power"), [x, x], name="to the power", quantization=q)
    with pytest.raises(UnsupportedError, match="to the power"):
        platform.compile(b.build([y]), "stm32f746", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_float_network_is_exact_too(platform, tmp_path):
    b = GraphBuilder("float")
    y = b.node(Clamp(activation=RELU), [b.input("x", (1, 4), DType.FLOAT32)], name="relu")
    platform.compile(b.build([y]), "stm32f746", tmp_path / "out")
    assert platform.run(tmp_path / "out").exact


def test_no_compiler_says_what_to_install(platform, network, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="gcc"):
        platform.compile(network, "stm32f746", tmp_path / "out", CompileOptions(toolchain="gcc"))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "is missing"),
        ({"image": np.zeros((2, 4, 4, 1), np.int8)}, "has shape"),
        ({"image": np.zeros((0, 8, 8, 1), np.int8)}, "has shape"),
        ({"image": np.zeros((1, 8, 8, 1), np.int32)}, "has type int32"),
        ({"image": np.full((1, 8, 8, 1), np.nan)}, "not numbers"),
    ],
)
def test_wrong_inputs_are_named(platform, compiled, inputs, message):
    with pytest.raises(InputError, match=message):
        platform.run(compiled, inputs)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 2}'])
def test_a_damaged_manifest_is_refused(platform, compiled, tmp_path, text):
    broken = tmp_path / "broken"
    shutil.copytree(compiled, broken)
    (broken / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        platform.run(broken)


def test_files_of_two_networks_do_not_mix(platform, compiled, tmp_path):
    from tinyml_core.graph.serialise import save

    b = GraphBuilder("other")
    x = b.input("other", (1, 4), DType.INT8, platform.load(compiled / "model.tinyml").tensors["image"].quantization)
    save(b.build([b.node(Clamp(), [x], quantization=b.tensor(x).quantization)]), tmp_path / "model.tinyml")
    mixed = tmp_path / "mixed"
    shutil.copytree(compiled, mixed)
    shutil.copy(tmp_path / "model.tinyml", mixed / "model.tinyml")
    with pytest.raises(InputError, match="do not belong together"):
        platform.run(mixed)
