"""A slice of ``benchmarks/hostile.py``: every format, every kind of damage, some accepted networks compiled and run."""

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
        assert row["accepted"] > 0, name


def test_a_slice():
    report, code = report_of("--cases", "50", "--compiled", "6", "--seed", "1")
    assert_harmless(report, code)
    assert report["cases"] == 7 * 50
    assert report["compiled"]["exact"] >= 3


@pytest.mark.slow
def test_a_twentieth():
    report, code = report_of("--quick")
    assert_harmless(report, code)
    assert report["compiled"]["exact"] >= 15
