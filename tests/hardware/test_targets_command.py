"""``tinyml targets``: the list, one part with its sources, and what goes wrong."""

from __future__ import annotations

import importlib
import json

import pytest

from tinyml_core.cli import main

GOOD = """\
# Umbrella U1, Cortex-M4 at 50 MHz
name: umbrella-u1
title: Umbrella U1
vendor: Umbrella
core: cortex-m4
features: []
clock_hz: 50000000
regions:
  FLASH: {kind: flash, origin: 0x08000000, size: 0x10000}
  SRAM: {kind: sram, origin: 0x20000000, size: 0x4000}
sources: {core: data sheet, features: data sheet, clock_hz: data sheet, regions: data sheet}
"""
HOOKS = """\
from tinyml_core.hardware.files import profiles_from
from tinyml_core.hookspecs import hookimpl

@hookimpl
def tinyml_hardware_profiles():
    return profiles_from("umbrella_parts")
"""


@pytest.fixture
def tinyml(capsys):
    """Run the command line and return its exit code, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return run


@pytest.fixture
def vendor(tmp_path, monkeypatch):
    """An installed distribution with one good and one bad profile."""
    package, metadata = tmp_path / "umbrella_parts", tmp_path / "umbrella_parts-1.0.dist-info"
    package.mkdir()
    metadata.mkdir()
    (package / "__init__.py").touch()
    (package / "hooks.py").write_text(HOOKS)
    (package / "umbrella-u1.yaml").write_text(GOOD)
    (package / "umbrella-u2.yaml").write_text(GOOD.replace("50000000", "50"))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: umbrella-parts\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[tinyml_core]\numbrella = umbrella_parts.hooks\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()


def test_the_list_holds_every_bundled_part(tinyml):
    code, out, _ = tinyml("targets", "--json")
    assert code == 0
    targets = {target["name"]: target for target in json.loads(out)["targets"]}
    assert {"stm32f412", "stm32f746", "stm32h743", "nrf52840", "nrf5340"} <= targets.keys()
    assert targets["stm32f746"]["largest_sram_bytes"] == 320 * 1024
    assert targets["stm32f746"]["clock_hz"] == 216_000_000


def test_the_table_for_people(tinyml):
    code, out, _ = tinyml("targets")
    assert code == 0
    row = next(line.split() for line in out.splitlines() if line.startswith("stm32h743"))
    assert row == ["stm32h743", "cortex-m7", "480", "MHz", "2,097,152", "524,288", "dsp", "fpu-dp"]


def test_one_part_shows_its_regions_and_sources(tinyml):
    code, out, _ = tinyml("targets", "stm32l4r5")
    assert code == 0
    for word in ("RM0432", "DS12023", "MLPerf Tiny", "1.25", "0x20000000", "655,360"):
        assert word in out


def test_one_part_as_json_is_its_row_of_the_list(tinyml):
    listed = json.loads(tinyml("targets", "--json")[1])["targets"]
    for target in listed:
        assert json.loads(tinyml("targets", target["name"], "--json")[1]) == target


def test_a_profile_file_need_not_be_installed(tinyml, tmp_path):
    path = tmp_path / "umbrella-u1.yaml"
    path.write_text(GOOD)
    code, out, _ = tinyml("targets", str(path), "--json")
    assert code == 0
    assert json.loads(out)["title"] == "Umbrella U1"


def test_an_unknown_part_gets_a_near_match(tinyml):
    code, out, err = tinyml("targets", "stm32f747")
    assert code == 2
    assert out == ""
    assert "did you mean 'stm32f7" in err


def test_one_bad_file_of_a_vendor_hides_no_other_part(tinyml, vendor):
    code, out, err = tinyml("targets", "--json")
    names = [target["name"] for target in json.loads(out)["targets"]]
    assert code == 0
    assert "umbrella-u1" in names
    assert "umbrella-u2" not in names
    assert "stm32f746" in names
    (warning,) = [line for line in err.splitlines() if "umbrella-u2" in line]
    assert "clock_hz" in warning


def test_the_bad_file_itself_is_an_error(tinyml, vendor):
    code, _, err = tinyml("targets", "umbrella-u2")
    assert code == 2
    assert "umbrella-u2.yaml" in err
    assert "Traceback" not in err
