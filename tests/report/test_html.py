"""The HTML report: names from a file stay text."""

import copy

import pytest

from tinyml_plugins.report.html import HtmlReporter, layer_bars, search_points

REPORT = {
    "name": "demo", "target": "board", "version": "0.1", "seed": 0, "exact": True, "differing_bytes": 0, "samples": 9,
    "dataset": {"test": 9}, "accuracy": {"float": 0.9, "int8": 0.8, "emulated": 0.8},
    "sram_bytes": {"total": 3, "arena": 1, "static": 1, "stack": 1},
    "flash_bytes": {"total": 3, "weights": 2, "code": 1}, "instructions": 100, "macs": 10,
    "instructions_basis": "measured",
    "cycles": {"core": 50, "low": 40, "high": 60, "model": "m4"},
    "milliseconds": {"low": 1, "high": 2, "board": "x1.6"},
    "layers": [{"name": "<script>alert(1)</script>", "kernel": "k", "shape": [1, 2], "macs": 10, "instructions": 90,
                "cycles": 45}],
    "search": {"strategy": "evolution", "costed": 2, "evaluated": 2,
               "best": {"accuracy": 0.9, "choices": {"width": 8}},
               "trials": [{"number": 0, "accuracy": 0.8, "macs": 10.0}, {"number": 1, "accuracy": 0.9, "macs": 20.0}]},
    "baseline": None, "stages": [{"name": "search", "seconds": 1.0}],
    "plugins": [{"name": "x", "distribution": "d", "version": "1"}],
}  # fmt: skip


def test_hostile_names_are_escaped(tmp_path):
    page = HtmlReporter().write(REPORT, tmp_path).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_difference_is_said_loudly(tmp_path):
    page = HtmlReporter().write({**REPORT, "exact": False, "differing_bytes": 7}, tmp_path).read_text()
    assert "NOT exact: 7" in page


def test_points_lie_inside_the_chart():
    points = search_points(REPORT)
    assert [(dot["cx"], dot["cy"]) for dot in points["dots"]] == [(48, 192), (592, 48)]


def test_one_trial_lies_in_the_middle():
    report = copy.deepcopy(REPORT)
    del report["search"]["trials"][1]
    assert [dot["cx"] for dot in search_points(report)["dots"]] == [320]


@pytest.mark.parametrize("layers", [[], [{"instructions": 0}]])
def test_no_instructions_no_bars(layers):
    assert all(bar["percent"] == 0 for bar in layer_bars(layers))
