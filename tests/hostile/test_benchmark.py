"""A slice of ``benchmarks/hostile.py``: every format, every kind of damage, every accepted network compiled and run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tflite_micro")
BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "hostile.py"


def report_of(*arguments):
    command = [sys.executable, str(BENCHMARK), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def assert_harmless(report, code):
    assert report["bad"] == []
    assert code == 0
    for name, row in report["families"].items():
        assert row["accepted"] + row["refused"] == row["cases"], name
        assert row["refused"] > row["cases"] / 4, name
        assert row["accepted"] > 0 or name == "saved graph", name  # whose digest gives away nearly all damage
    networks = report["networks"]
    assert networks["too large to run"] == 0
    assert networks["exact"] + networks["refused by the target"] == networks["accepted"]
    assert networks["compiled"] == networks["distinct sources"] > 0


def test_a_slice(tmp_path):
    options = ("--cases", "50", "--emulated", "6", "--seed", "1", "--journal", str(tmp_path / "journal"))
    report, code = report_of(*options)
    assert_harmless(report, code)
    lines = (tmp_path / "journal").read_text().splitlines()
    (tmp_path / "journal").write_text("".join(line + "\n" for line in lines[:-5]))  # as if interrupted
    again, _ = report_of(*options)
    assert {**again, "seconds": 0} == {**report, "seconds": 0}
    assert report["cases"] == 7 * 50
    assert report["emulated"]["exact"] >= 3


@pytest.mark.slow
def test_a_twentieth():
    report, code = report_of("--quick")
    assert_harmless(report, code)
    assert report["emulated"]["exact"] >= 10
