"""Bad profile files: each names the file, the key, the problem and a remedy, all of them at once."""

from __future__ import annotations

import copy
import pickle
import time

import pytest
import yaml

from tinyml_core.errors import InputError
from tinyml_core.hardware.files import read_profile

GOOD = {
    "name": "board",
    "title": "Board 1",
    "vendor": "Acme",
    "core": "cortex-m4",
    "features": ["dsp", "fpu-sp"],
    "clock_hz": 100_000_000,
    "regions": {
        "FLASH": {"kind": "flash", "origin": 0x0800_0000, "size": 0x8_0000},
        "SRAM": {"kind": "sram", "origin": 0x2000_0000, "size": 0x2_0000},
    },
    "board_factor": {"value": 1.25, "board": "Acme EVK", "source": "measured by Acme"},
    "milliwatts_per_megahertz": 0.1,
    "sources": {
        "core": "data sheet", "features": "data sheet", "clock_hz": "data sheet", "regions": "data sheet",
        "milliwatts_per_megahertz": "data sheet",
    },
}  # fmt: skip
ABSENT = object()


@pytest.fixture
def written(tmp_path):
    """Write a profile file with one value replaced and return its path."""

    def write(key="", value=None, name="board.yaml"):
        document = copy.deepcopy(GOOD)
        if key:
            *sections, last = key.split(".")
            section = document
            for part in sections:
                section = section[part]
            if value is ABSENT:
                del section[last]
            else:
                section[last] = value
        path = tmp_path / name
        path.write_text(yaml.safe_dump(document))
        return path

    return write


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_profile(path)
    assert str(caught.value).isprintable(), "one line, without control characters"
    return caught.value


def test_a_good_file_becomes_a_profile(written):
    profile = read_profile(written())
    assert profile.name == "board"
    assert profile.features == {"dsp", "fpu-sp"}
    assert profile.region("SRAM").size == 0x2_0000
    assert profile.board_factor is not None
    assert profile.board_factor.value == 1.25
    assert profile.milliwatts_per_megahertz == 0.1
    assert pickle.loads(pickle.dumps(profile)) == profile


def test_optional_figures_may_be_absent(written):
    path = written()
    document = copy.deepcopy(GOOD)
    del document["board_factor"], document["milliwatts_per_megahertz"], document["sources"]["milliwatts_per_megahertz"]
    path.write_text(yaml.safe_dump(document))
    profile = read_profile(path)
    assert profile.board_factor is None
    assert profile.milliwatts_per_megahertz is None


BAD = [
    # key, value, words of the problem, words of the remedy
    ("name", ABSENT, "missing", "file's name"),
    ("name", "other", "'other' is not the file's name", "other.yaml"),
    ("name", "Board", "not accepted", "file's name"),
    ("title", "", "empty", "plain text"),
    ("title", "a\x1b[31m", "control characters", "plain text"),
    ("title", "a\u202eb", "control characters", "plain text"),
    ("title", 3, "3 is not accepted", "in full"),
    ("vendor", "x" * 500, "not accepted", "maker"),
    ("core", "Cortex M4", "not accepted", "cortex-m4"),
    ("core", "m4\n", "not accepted", "cortex-m4"),
    ("core", "m4); system(", "not accepted", "cortex-m4"),
    ("features", "dsp", "not accepted", "[dsp, fpu-sp]"),
    ("features", ["dsp", "dsp"], "twice", "once"),
    ("clock_hz", True, "True is not accepted", "Hz"),
    ("clock_hz", "100000000", "not accepted", "Hz"),
    ("clock_hz", 100, "100 is not accepted", "Hz"),
    ("clock_hz", 1e8, "not accepted", "Hz"),
    ("clock_hz", -1, "-1 is not accepted", "Hz"),
    ("regions", {}, "no flash region", "kind: flash"),
    ("regions.FLASH", ABSENT, "no flash region", "kind: flash"),
    ("regions.SRAM", ABSENT, "no sram region", "kind: sram"),
    ("regions.SRAM.size", 0, "0 is not accepted", "bytes"),
    ("regions.SRAM.size", True, "True is not accepted", "bytes"),
    ("regions.SRAM.size", "64k", "not accepted", "bytes"),
    ("regions.SRAM.size", 2**32, "address space", "size"),
    ("regions.SRAM.origin", -4, "-4 is not accepted", "address"),
    ("regions.SRAM.origin", ABSENT, "missing", "address"),
    ("regions.SRAM.origin", 0x0807_FFFF, "FLASH and SRAM overlap at 0x807ffff", "origins or sizes"),
    ("regions.SRAM.kind", "rom", "not accepted", "flash or sram"),
    ("regions.SRAM.sise", 1, "unknown key", "did you mean 'size'?"),
    ("regions.sram 2", {"kind": "sram", "origin": 0, "size": 4}, "capital letters", "rename"),
    ("regions.SRAM } > FLASH", {"kind": "sram", "origin": 0, "size": 4}, "capital letters", "rename"),
    ("board_factor.value", 0, "0 is not accepted", "1.25"),
    ("board_factor.value", float("inf"), "not accepted", "1.25"),
    ("board_factor.source", ABSENT, "missing", "published"),
    ("milliwatts_per_megahertz", -0.1, "not accepted", "mW/MHz"),
    ("milliwatts_per_megahertz", float("nan"), "not accepted", "mW/MHz"),
    ("sources.clock_hz", ABSENT, "no source for clock_hz", "datasheet"),
    ("sources.milliwatts_per_megahertz", ABSENT, "no source for milliwatts_per_megahertz", "datasheet"),
    ("sources.core", 3, "not accepted", "documents"),
    ("sources.clock", "data sheet", "needs no source", "did you mean 'clock_hz'?"),
    ("featurs", [], "unknown key", "did you mean 'features'?"),
    ("zzz", 1, "unknown key", "choose among"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "problem", "remedy"), BAD, ids=[f"{case[0]}={case[1]!r:.20}" for case in BAD])
def test_each_bad_value_is_named(written, key, value, problem, remedy):
    path = written(key, value)
    error = refusal(path)
    file, _, named = error.place.partition(": ")
    assert file == str(path)
    assert named.replace("'", "").split(".")[0] == key.split(".")[0]
    assert problem in error.problem
    assert remedy in error.remedy


def test_all_problems_of_a_file_come_at_once(written):
    path = written()
    document = copy.deepcopy(GOOD) | {"name": "worse", "clock_hz": True, "titel": "x", "features": "dsp"}
    document["regions"]["SRAM"]["size"] = 0
    del document["vendor"], document["sources"]["core"]
    path.write_text(yaml.safe_dump(document))
    error = refusal(path)
    assert error.place == str(path)
    assert error.problem.startswith("7 problems: ")
    listed = error.problem.removeprefix("7 problems: ").split("; ")
    keys = {problem.partition(": ")[0] for problem in listed}
    assert keys == {"name", "clock_hz", "titel", "features", "regions.SRAM.size", "vendor", "sources"}
    assert all(problem.endswith(")") for problem in listed), "each has its own remedy"


@pytest.mark.parametrize("text", ["", "[]", "text", "3"])
def test_a_file_that_is_no_mapping(tmp_path, text):
    path = tmp_path / "board.yaml"
    path.write_text(text)
    assert str(refusal(path)).startswith(f"{path}: is no mapping; ")


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"nam{i}: v\n" for i in range(4900)),
        "regions:\n" + "".join(f"  r{i}: v\n" for i in range(4900)),
        "sources:\n" + "".join(f"  s{i}: v\n" for i in range(4900)),
        "features: [" + "X, " * 9000 + "]",
        "name: " + "a-" * 100_000 + "!",
    ],
    ids=["keys", "regions", "sources", "features", "name"],
)
def test_masses_of_problems_stay_readable_and_fast(tmp_path, text):
    path = tmp_path / "board.yaml"
    path.write_text(text)
    before = time.process_time()
    message = str(refusal(path))
    assert time.process_time() - before < 2
    assert len(message) < 6000
