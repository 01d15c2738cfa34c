"""Charts of searches and trainings: where their points lie and what they leave out."""

import copy
import math

from report_samples.samples import REPORT
from tinyml_core.pipeline.curves import MOST_POINTS, curve
from tinyml_plugins.report.search_charts import MOST_DOTS, search_plots
from tinyml_plugins.report.training_charts import training_plots


def test_there_is_a_plot_for_each_objective_and_one_for_the_best_so_far():
    plots = search_plots(REPORT)
    assert [plot.unit for plot in plots] == ["macs", "sram_bytes", "evaluations"]
    assert [(dot.x, dot.y) for dot in plots[0].dots] == [(0, 1000), (1000, 0)]
    assert [(dot.x, dot.y) for dot in plots[1].dots] == [(1000, 1000), (0, 0)]


def test_the_front_is_marked_and_joined():
    report = copy.deepcopy(REPORT)
    assert search_plots(report)[0].lines[0].path == "M0 1000L1000 1000L1000 0"
    assert search_plots(report)[1].lines == ()  # the cheapest is the best too
    del report["search"]["front"][1]
    assert [dot.marked for dot in search_plots(report)[0].dots] == [False, True]


def test_the_best_so_far_is_a_staircase_per_strategy():
    report = copy.deepcopy(REPORT)
    report["search"]["trials"].append({"number": 2, "accuracy": 0.7, "costs": {}})
    report["baseline"] = {**report["search"], "strategy": "random", "trials": report["search"]["trials"][:1]}
    first, second = search_plots(report)[-1].lines
    assert first.path == "M0 500L500 500L500 0L1000 0"
    assert (first.text, second.text, second.series) == ("evolution: 0.9000", "random: 0.8000", 1)
    assert second.path == "M0 500L0 500"


def test_many_evaluations_are_thinned_but_never_the_front():
    report = copy.deepcopy(REPORT)
    report["search"]["trials"] += [
        {"number": number, "accuracy": 0.5, "costs": {"macs": 10.0}} for number in range(2, 2000)
    ]
    dots = search_plots(report)[0].dots
    assert len(dots) <= MOST_DOTS + 2
    assert sum(dot.marked for dot in dots) == 2


def test_one_trial_lies_in_the_middle():
    report = copy.deepcopy(REPORT)
    del report["search"]["trials"][1]
    assert [dot.x for dot in search_plots(report)[0].dots] == [500]


def test_without_objectives_the_plot_is_over_macs():
    report = {**REPORT, "search": {**REPORT["search"], "objectives": []}}
    assert [plot.unit for plot in search_plots(report)] == ["macs", "evaluations"]


def test_a_curve_is_means_of_equal_stretches():
    losses = [float(number) for number in range(1000)]
    (found,) = curve("loss", losses)
    assert len(found["points"]) == MOST_POINTS
    assert found["points"][0] == {"step": 5, "loss": 2.0}
    assert found["points"][-1] == {"step": 1000, "loss": 997.0}
    assert curve("none", []) == []
    assert [point["step"] for point in curve("", [1.0, math.nan, 2.0], [10, 20, 30])[0]["points"]] == [10, 30]


def test_a_training_is_drawn_from_left_to_right():
    (plot,) = training_plots({"curves": curve("loss", [3.0, 1.0, 2.0])})
    assert plot.lines[0].path == "M0 0L500 1000L1000 500"
    assert training_plots({}) == []
