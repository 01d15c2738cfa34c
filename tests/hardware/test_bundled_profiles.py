"""The bundled microcontrollers: every file loads, and says what the datasheets say."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys

import pytest

from tinyml_core.hardware.files import profiles_from
from tinyml_hw_profiles import hooks

COMPONENTS = {component.name: component for component in hooks.tinyml_hardware_profiles()}

# name: core, MHz, FPU, flash KiB, largest SRAM KiB, all SRAM KiB: the figures on page one of each datasheet
PARTS = {
    "stm32f412": ("cortex-m4", 100, "fpu-sp", 1024, 256, 256),
    "stm32f446": ("cortex-m4", 180, "fpu-sp", 512, 128, 128),
    "stm32f746": ("cortex-m7", 216, "fpu-sp", 1024, 320, 320),
    "stm32f767": ("cortex-m7", 216, "fpu-dp", 2048, 512, 512),
    "stm32h743": ("cortex-m7", 480, "fpu-dp", 2048, 512, 992),
    "stm32h7a3": ("cortex-m7", 280, "fpu-dp", 2048, 1024, 1312),
    "stm32l4r5": ("cortex-m4", 120, "fpu-sp", 2048, 640, 640),
    "stm32u575": ("cortex-m33", 160, "fpu-sp", 2048, 768, 784),
    "nrf52832": ("cortex-m4", 64, "fpu-sp", 512, 64, 64),
    "nrf52840": ("cortex-m4", 64, "fpu-sp", 1024, 256, 256),
    "nrf5340": ("cortex-m33", 128, "fpu-sp", 1024, 512, 512),
}


def test_every_file_is_in_the_table():
    assert COMPONENTS.keys() == PARTS.keys()


@pytest.mark.parametrize("name", PARTS)
def test_figures_of_the_datasheet(name):
    core, megahertz, fpu, flash, sram, all_sram = PARTS[name]
    profile = COMPONENTS[name].load()()
    assert profile.name == name
    assert profile.core == core
    assert profile.clock_hz == megahertz * 1_000_000
    assert profile.features == {"dsp", fpu}
    assert profile.largest("flash").size == flash * 1024
    assert profile.largest("sram").size == sram * 1024
    assert sum(region.size for region in profile.regions if region.kind == "sram") == all_sram * 1024


@pytest.mark.parametrize("name", PARTS)
def test_regions_are_where_cortex_m_has_them(name):
    for region in COMPONENTS[name].load()().regions:
        lowest, end = {"flash": (0x0000_0000, 0x2000_0000), "sram": (0x2000_0000, 0x4000_0000)}[region.kind]
        assert lowest <= region.origin
        assert region.origin + region.size <= end
        assert region.origin % 32 == 0, "a DMA buffer or MPU region must be able to start there"


@pytest.mark.parametrize("name", PARTS)
def test_summary_is_one_line_about_the_part(name):
    summary = COMPONENTS[name].summary
    assert summary.lower().startswith(name)
    assert f"{PARTS[name][1]} MHz" in summary
    assert f"{PARTS[name][4] if PARTS[name][4] < 1024 else 1} " in summary


def test_components_travel_to_another_process():
    component = pickle.loads(pickle.dumps(COMPONENTS["stm32f746"]))
    assert component.load()() == COMPONENTS["stm32f746"].load()()
    assert component.load_options() is None


def test_a_source_stands_behind_each_board_factor():
    factors = {name: COMPONENTS[name].load()().board_factor for name in PARTS}
    assert {name: factor.value for name, factor in factors.items() if factor} == {"stm32l4r5": 1.25, "stm32h743": 1.44}
    assert "MLPerf Tiny" in factors["stm32l4r5"].source
    assert "TinyEngine" in factors["stm32h743"].source


def test_listing_the_names_parses_nothing():
    script = (
        "import sys; from tinyml_hw_profiles.hooks import tinyml_hardware_profiles as hook; assert len(hook()) >= 11;"
        "print(*sorted({'pydantic', 'yaml', 'numpy'} & sys.modules.keys()))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_a_hardware_plugin_is_six_lines():
    assert len(inspect.getsource(hooks.tinyml_hardware_profiles).splitlines()) <= 6


def test_a_package_without_profiles_has_none():
    assert profiles_from("tinyml_core.hardware") == []
