"""The journey of a user: compile and run for the part, with nothing chosen but the target."""

from __future__ import annotations

from dataclasses import replace

import pytest
from elftools.elf.elffile import ELFFile
from networks import everything

from tinyml_core.api.cost_model import CostModel
from tinyml_core.errors import CapacityError, UnsupportedError
from tinyml_core.graph.graph import Rounding
from tinyml_core.hardware.profile import MemoryRegion
from tinyml_core.pipeline.compilation import CompileOptions


def test_c_computes_what_numpy_does(execution):
    assert execution.exact
    assert execution.samples == 3


def test_the_profile_chose_the_tools(compiled):
    manifest = compiled.manifest
    assert (manifest.generator, manifest.toolchain, manifest.runner) == ("portable-c", "zig-riscv32", "unicorn-riscv32")


def test_nothing_in_the_folder_is_arm(compiled):
    with (compiled.folder / "model.elf").open("rb") as stream:
        elf = ELFFile(stream)
        assert elf["e_machine"] == "EM_RISCV"
        assert elf["e_flags"] & 1, "compressed instructions are used"
    assert not (compiled.folder / "Makefile").exists(), "it would call the compiler for Arm"


def test_figures_are_measured_on_the_emulated_core(execution):
    report = execution.report()
    assert report["instructions_basis"] == "measured"
    layers = sum(layer["instructions"] for layer in report["layers"])
    assert 0 <= report["instructions"] - layers < 100, "all but the calls of the layers are theirs"
    cycles = report["cycles"]
    assert report["instructions"] <= cycles["low"] < cycles["core"] < cycles["high"]
    assert 32 <= report["sram_bytes"]["stack"] <= 512
    assert report["sram_bytes"]["arena"] == execution.manifest.arena_bytes


def test_estimates_are_near_what_was_measured(compiled, execution):
    measured = {layer["name"]: layer["cycles"] for layer in execution.report()["layers"]}
    ratios = {
        step.node.name: step.schedule.cycles / measured[step.node.name]
        for step in compiled.program.steps
        if measured[step.node.name] > 2000  # of smaller layers the calls are a good part
    }
    assert len(ratios) >= 7
    assert {name: ratio for name, ratio in ratios.items() if not 1 / 1.5 < ratio < 1.5} == {}
    assert compiled.program.cycles == pytest.approx(sum(measured.values()), rel=0.25)


def test_a_search_costs_networks_with_the_same_schedules(platform, compiled):
    costs = platform.create(CostModel, "analytic").estimate(
        compiled.program.graph, platform.target("esp32c3"), platform
    )
    told = {cost.quantity: cost.value for cost in costs}
    assert told["cycles"] == compiled.program.cycles
    assert told["arena_bytes"] == compiled.program.arena_bytes


def test_the_bundled_generator_serves_the_part_too(platform, tmp_path):
    out = tmp_path / "out"
    platform.compile(everything(Rounding.SINGLE), "esp32c3", out, CompileOptions(generator="tinyengine"))
    assert platform.run(out).exact


def test_the_compiler_of_another_core_refuses(platform, tmp_path):
    with pytest.raises(UnsupportedError, match="rv32imc"):
        platform.compile(everything(Rounding.SINGLE), "esp32c3", tmp_path / "out", CompileOptions(toolchain="zig"))


def test_what_does_not_fit_is_told_by_region(platform, tmp_path):
    part = platform.target("esp32c3")
    regions = tuple(
        MemoryRegion("DROM", "flash", 0x3C000000, 4096) if region.name == "DROM" else region for region in part.regions
    )
    network = everything(Rounding.SINGLE)
    constants = network.constant_bytes
    assert constants < 4096
    regions = tuple(replace(region, size=1024) if region.name == "DROM" else region for region in regions)
    with pytest.raises(CapacityError, match="region DROM overflows by"):
        platform.compile(network, replace(part, regions=regions), tmp_path / "out")
