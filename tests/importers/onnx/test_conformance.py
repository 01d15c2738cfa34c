"""ONNX's own node tests through generated C: a slice of ``benchmarks/onnx_conformance.py``, and all of it when slow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks" / "onnx_conformance.py"


def report_of(*arguments):
    command = [sys.executable, str(BENCHMARK), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def test_a_slice():
    report, code = report_of("--every", "15")
    assert report["wrong_tests"] == []
    assert code == 0
    assert report["passed"] >= 35
    assert report["passed"] + report["refused"] == report["in_profile"]
    assert all(report["refused_tests"].values())


@pytest.mark.slow
def test_all():
    report, code = report_of()
    assert report["wrong_tests"] == []
    assert code == 0
    assert report["passed"] >= 600
