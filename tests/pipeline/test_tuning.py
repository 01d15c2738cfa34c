"""Tuning: what is measured is kept and used; what is stale, damaged or missing is said by name and never used."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tinyml_core.api.generator import CodeGenerator
from tinyml_core.api.toolchain import Toolchain
from tinyml_core.cli import tinyml
from tinyml_core.errors import InputError
from tinyml_core.graph import DType, GraphBuilder, Quantization
from tinyml_core.graph.operators import RELU, Add, Conv2D
from tinyml_core.graph.serialise import save
from tinyml_core.pipeline.compilation import CompileOptions, plan_for
from tinyml_core.pipeline.tuning_cache import TuningCache, layer_key, tuning_file
from tinyml_core.platform import Platform

Q = Quantization.per_tensor
TUNED = CompileOptions(tuned=True)


@pytest.fixture
def graph():
    """Two convolutions of one shape and an addition."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("twins")
    x = b.input("x", (1, 6, 6, 8), DType.INT8, Q(0.05, 3))
    y = x
    for name in ("first", "second"):
        w = b.constant(f"w_{name}", rng.integers(-127, 128, (8, 1, 1, 8)).astype(np.int8), Q(0.01))
        y = b.node(Conv2D(activation=RELU), [y, w], name=name, quantization=Q(0.05, 3))
    return b.build([b.node(Add(), [x, y], name="sum", quantization=Q(0.1, 0))])


@pytest.fixture
def platform(monkeypatch, tmp_path):
    """A platform whose tuning cache starts empty."""
    platform = Platform()
    if (reason := platform.create(Toolchain, "zig").missing()) is not None:
        pytest.skip(reason)
    pytest.importorskip("unicorn", reason="the emulator is an extra: pip install tinyml-core[sim]")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", _zig_cache())
    return platform


def _zig_cache():
    return os.environ.get("ZIG_GLOBAL_CACHE_DIR") or str(Path.home() / ".cache" / "zig")


def _kernels(platform, graph, profile, options=TUNED):
    program = plan_for(graph, profile, options, platform)
    return {step.node.name: step.schedule.kernel for step in program.steps}


def _rewrite(change):
    path = tuning_file()
    lines = [json.loads(line) for line in path.read_text().split("\n") if line]
    path.write_text("".join(json.dumps(change(line)) + "\n" for line in lines))


def test_layers_are_measured_once_and_known_afterwards(platform, graph):
    profile = platform.target("stm32f746")
    tuning = platform.tune(graph, profile)
    assert [(layer.name, layer.repeats) for layer in tuning.layers] == [("first", 2), ("sum", 1)]
    assert tuning.measured == sum(len(layer.variants) for layer in tuning.layers)
    entries = [variant.entry for layer in tuning.layers for variant in layer.variants]
    assert all(entry.cycles > 0 and entry.instructions > 0 for entry in entries)
    again = platform.tune(graph, profile)
    assert (again.measured, again.known) == (0, tuning.measured)
    assert again.report()["layers"] == tuning.report()["layers"]
    assert platform.tune(graph, "stm32l4r5").known == 0, "another core costs something else"


def test_the_fastest_measured_kernel_is_chosen(platform, graph):
    profile = platform.target("stm32f746")
    fast = {layer.name: layer.measured.kernel for layer in platform.tune(graph, profile).layers}
    chosen = _kernels(platform, graph, profile)
    assert chosen == {"first": fast["first"], "second": fast["first"], "sum": fast["sum"]}
    key = layer_key(graph.nodes[0], graph, profile)
    slow = next(
        schedule.kernel
        for schedule in platform.create(CodeGenerator, "tinyengine").candidates(graph.nodes[0], graph, profile)
        if schedule.kernel != fast["first"]
    )

    def favour(entry):
        favoured = entry["layer"] == key and entry["kernel"] == slow
        return entry | {"cycles": 1 if favoured else entry["cycles"]}

    _rewrite(favour)
    assert _kernels(platform, graph, profile) == chosen | {"first": slow, "second": slow}
    untuned = _kernels(platform, graph, profile, CompileOptions())
    assert untuned["first"] != slow, "the cache is used only where asked for"


def test_the_tuned_network_computes_the_same(platform, graph, tmp_path):
    platform.tune(graph, "stm32f746")
    platform.compile(graph, "stm32f746", tmp_path / "out", TUNED)
    assert platform.run(tmp_path / "out").exact


def test_without_measurements_says_what_to_run(platform, graph):
    with pytest.raises(InputError, match="run first: tinyml tune MODEL --target stm32f746"):
        plan_for(graph, platform.target("stm32f746"), TUNED, platform)


def test_measurements_of_other_kernels_are_ignored(platform, graph, caplog):
    profile = platform.target("stm32f746")
    platform.tune(graph, profile)
    _rewrite(lambda entry: entry | {"version": "0" * 16, "cycles": 1})
    with caplog.at_level(logging.INFO), pytest.raises(InputError, match="run first"):
        plan_for(graph, profile, TUNED, platform)
    assert "measurements of other versions of the kernels are ignored" in caplog.text


def test_damaged_lines_are_ignored_by_number(platform, graph, caplog):
    profile = platform.target("stm32f746")
    platform.tune(graph, profile)
    before = _kernels(platform, graph, profile)
    with tuning_file().open("ab") as stream:
        stream.write(b'\xff\xfe{"version":\n[1, 2]\n{"cycles": -5}\n{"torn')
    with caplog.at_level(logging.WARNING):
        assert _kernels(platform, graph, profile) == before
    assert f"{tuning_file()}: 4 damaged lines are ignored" in caplog.text
    cache = TuningCache.read(platform.create(CodeGenerator, "tinyengine"))
    cache.add(next(iter(cache.entries.values())))
    assert TuningCache.read(platform.create(CodeGenerator, "tinyengine")).entries.keys() == cache.entries.keys()


def test_a_node_of_which_a_part_was_measured_keeps_its_estimates(platform, graph):
    profile = platform.target("stm32f746")
    platform.tune(graph, profile)
    path, key = tuning_file(), layer_key(graph.nodes[0], graph, profile)
    lines = [json.loads(line) for line in path.read_text().split("\n") if line]
    kept = [line | {"cycles": 1} for line in lines if line["layer"] != key or not line["rows"]]
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    assert _kernels(platform, graph, profile)["first"] == _kernels(platform, graph, profile, CompileOptions())["first"]


def test_a_cache_that_cannot_be_read_is_told(platform, graph):
    tuning_file().mkdir(parents=True)
    with pytest.raises(InputError, match=r"tuning\.jsonl: cannot be read: Is a directory"):
        platform.tune(graph, "stm32f746")


def test_the_command_prints_one_stable_object(platform, graph, tmp_path):
    save(graph, tmp_path / "twins.tinyml")
    arguments = ["tune", str(tmp_path / "twins.tinyml"), "--target", "stm32f746", "--json"]
    told = CliRunner().invoke(tinyml, arguments)
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert set(report) == {"network", "target", "measured", "known", "cache", "layers"}
    assert report["cache"] == str(tuning_file())
    assert [layer["fastest"] for layer in report["layers"]].count(None) == 0
