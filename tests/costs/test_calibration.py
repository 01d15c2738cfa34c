"""Calibration: layers measured on the emulator, stopped and gone on with."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from costed_networks import network
from tinyml_core.api.cost_model import CostModel
from tinyml_core.cli import tinyml
from tinyml_core.errors import InputError, ToolchainError, UnsupportedError
from tinyml_core.graph.graph import Rounding
from tinyml_core.platform import Platform
from tinyml_plugins.costs import calibration, measuring, samples
from tinyml_plugins.costs.features import features
from tinyml_plugins.costs.fitting import FEWEST
from tinyml_plugins.costs.measuring import Sample
from tinyml_plugins.costs.table import read_table

KINDS = ("add", "hard sigmoid")
pytest.importorskip("ziglang")
pytest.importorskip("unicorn")


@pytest.fixture
def few_kinds(monkeypatch):
    kept = {kind: samples.DRAWS[kind] for kind in KINDS}
    monkeypatch.setattr(calibration, "DRAWS", kept)
    monkeypatch.setattr(samples, "MOST_OPERATIONS", 20_000)
    monkeypatch.setattr(calibration, "BATCH", 20)


def calibrate(platform, out, *, resume=False, **changes):
    model = platform.create(CostModel, "emulated-latency", {"toolchain": "zig"})
    options = {"samples": 12, "seed": 3, "resume": resume} | changes
    return model.calibrate("cortex-m4", out, platform, **options)


def test_a_stopped_calibration_goes_on_and_ends_as_if_it_had_not_been(platform, few_kinds, tmp_path, monkeypatch):
    report = calibrate(platform, tmp_path / "whole.json")
    assert report["samples"] > 40
    assert all(family["samples"] >= FEWEST for family in report["families"].values())

    batches, measure = [], measuring.Bench.measure

    def stop(bench, batch):
        if len(batches) == 1:
            raise KeyboardInterrupt
        batches.append(batch)
        return measure(bench, batch)

    out = tmp_path / "stopped.json"
    monkeypatch.setattr(measuring.Bench, "measure", stop)
    with pytest.raises(KeyboardInterrupt):
        calibrate(platform, out)
    with (tmp_path / "stopped.json.samples.jsonl").open("ab") as journal:
        journal.write(b'{"batch": 1, "compi')  # torn by a crash
    monkeypatch.setattr(measuring.Bench, "measure", lambda bench, batch: batches.append(batch) or measure(bench, batch))
    with pytest.raises(InputError, match="--resume"):
        calibrate(platform, out)
    with pytest.raises(InputError, match="differs in seed"):
        calibrate(platform, out, resume=True, seed=4)
    calibrate(platform, out, resume=True)
    assert read_table(out) == read_table(tmp_path / "whole.json")
    planned = calibration.Calibration(core="cortex-m4", toolchain="zig", samples=12, seed=3).planned()
    assert batches == planned  # nothing twice

    fresh = Sample(kind="add", seed=1000, rounding=Rounding.SINGLE, rows=False)
    bench = measuring.Bench(*(part for part in _bench(platform)))
    ((measured,), _) = bench.measure([fresh])
    assert measured is not None
    layer = fresh.layer(measured.kernel)
    told = read_table(out).families[layer.family].instructions.of(features(layer))
    assert told == pytest.approx(measured.instructions, rel=0.1, abs=100)


def _bench(platform):
    from tinyml_core.api.generator import CodeGenerator
    from tinyml_core.api.runner import Runner
    from tinyml_core.api.toolchain import Toolchain

    yield platform.create(CodeGenerator, "tinyengine")
    yield platform.create(Toolchain, "zig")
    yield platform.create(Runner, "unicorn")
    yield samples.room(calibration.profile_of("cortex-m4", platform))


def test_layers_drawn_are_the_same_every_time_and_within_bounds():
    for kind in samples.DRAWS:
        for seed in range(6):
            first, again = (samples.draw_layer(kind, seed, Rounding.SINGLE) for _ in range(2))
            assert first.tensors == again.tensors
            assert len(first.nodes) == 1
            assert first.operations <= samples.MOST_OPERATIONS
            for name, tensor in first.tensors.items():
                if tensor.data is not None:
                    assert np.array_equal(tensor.data, again.tensors[name].data)


def test_a_core_that_no_target_has_is_named(platform, tmp_path):
    with pytest.raises(UnsupportedError, match=r"'cortex-m55'; choose one of .*cortex-m7"):
        platform.create(CostModel, "emulated-latency").calibrate(
            "cortex-m55", tmp_path / "t.json", platform, samples=1, seed=0, resume=False
        )


def test_a_toolchain_that_is_missing_is_named(platform, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    model = platform.create(CostModel, "emulated-latency", {"toolchain": "gcc"})
    with pytest.raises(ToolchainError, match="arm-none-eabi-gcc"):
        model.calibrate("cortex-m4", tmp_path / "t.json", platform, samples=1, seed=0, resume=False)


@pytest.mark.parametrize("content", ["", "no json\n", '{"core": "cortex-m0"}\n', "[1]\n"])
def test_a_journal_of_something_else_is_refused(platform, few_kinds, tmp_path, content):
    (tmp_path / "t.json.samples.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"journal|another calibration"):
        calibrate(platform, tmp_path / "t.json", resume=True)


def test_the_command_writes_a_table_that_a_cost_model_reads(few_kinds, tmp_path):
    out = tmp_path / "mine.json"
    arguments = ["calibrate-costs", "--core", "cortex-m4", "--samples", "10", "-o", str(out), "--json"]
    done = CliRunner().invoke(tinyml, arguments, catch_exceptions=False)
    report = json.loads(done.stdout)
    assert report["table"] == str(out)
    assert report["kernels"] == read_table(out).kernels
    platform = Platform()
    model = platform.create(CostModel, "emulated-latency", {"table": str(out)})
    cycles = model.estimate(network([8, 0]), platform.target("stm32l4r5"), platform)[1]
    assert cycles.value > 0
