"""The HTML report: names from a file stay text."""

import copy

import pytest

from tinyml_plugins.report.html import HtmlReporter, layer_bars
from tinyml_plugins.report.search_charts import search_panels

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
               "objectives": ["macs", "sram_bytes"],
               "front": [{"number": 1, "accuracy": 0.9, "choices": {}, "costs": {"macs": 20.0, "sram_bytes": 5.0}},
                         {"number": 0, "accuracy": 0.8, "choices": {}, "costs": {"macs": 10.0, "sram_bytes": 7.0}}],
               "trials": [{"number": 0, "accuracy": 0.8, "costs": {"macs": 10.0, "sram_bytes": 7.0}},
                          {"number": 1, "accuracy": 0.9, "costs": {"macs": 20.0, "sram_bytes": 5.0}}]},
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


def test_there_is_a_panel_for_each_objective_and_one_for_the_best_so_far():
    panels = search_panels(REPORT)
    assert [panel.unit for panel in panels] == ["macs", "sram_bytes", "evaluations"]
    assert [(dot.x, dot.y) for dot in panels[0].dots] == [(48, 192), (592, 48)]
    assert [(dot.x, dot.y) for dot in panels[1].dots] == [(592, 192), (48, 48)]


def test_the_front_is_ringed_and_told():
    report = copy.deepcopy(REPORT)
    del report["search"]["front"][1]
    assert [dot.front for dot in search_panels(report)[0].dots] == [False, True]


def test_the_best_so_far_is_a_staircase_per_strategy():
    report = copy.deepcopy(REPORT)
    report["search"]["trials"].append({"number": 2, "accuracy": 0.7, "costs": {}})
    report["baseline"] = {**report["search"], "strategy": "random", "trials": report["search"]["trials"][:1]}
    first, second = search_panels(report)[-1].lines
    assert first.points == "48.0,120.0 320.0,120.0 320.0,48.0 592.0,48.0"
    assert (first.text, second.text, second.first) == ("evolution: 0.9000", "random: 0.8000", False)
    assert second.points == "48.0,120.0"


def test_one_trial_lies_in_the_middle():
    report = copy.deepcopy(REPORT)
    del report["search"]["trials"][1]
    assert [dot.x for dot in search_panels(report)[0].dots] == [320]


def test_without_objectives_the_chart_is_over_macs_and_there_is_no_table(tmp_path):
    report = {**REPORT, "search": {**REPORT["search"], "objectives": []}}
    assert [panel.unit for panel in search_panels(report)] == ["macs", "evaluations"]
    assert "Pareto front of evolution" not in HtmlReporter().write(report, tmp_path).read_text()
    assert "Pareto front of evolution" in HtmlReporter().write(REPORT, tmp_path).read_text()


def test_charts_are_drawn_without_loading_anything(tmp_path):
    page = HtmlReporter().write(REPORT, tmp_path).read_text()
    assert (page.count("<svg"), page.count("<polyline"), page.count("<circle")) == (3, 1, 4)
    assert "http" not in page
    assert "src=" not in page


@pytest.mark.parametrize("layers", [[], [{"instructions": 0}]])
def test_no_instructions_no_bars(layers):
    assert all(bar["percent"] == 0 for bar in layer_bars(layers))
