"""Space selection: which space wins, why, and what is said when none does."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from tinyml_core.cli import tinyml
from tinyml_core.config import Project
from tinyml_core.errors import CapacityError, InputError
from tinyml_core.pipeline.distribution_plot import distribution_svg
from tinyml_core.pipeline.space_selection import SelectionOptions
from tinyml_core.platform import Platform
from tinyml_core.search.selection import Capacity, SurveyedCell, ranked
from tinyml_core.search.survey import Survey
from tinyml_plugins.tinynas.mcunet import McuNetSpace


def cell(name, macs, arena, constants=None, capacity=Capacity(100, 100)):  # noqa: B008 - immutable
    constants = [1] * len(macs) if constants is None else constants
    return SurveyedCell({"widths": name}, Survey(*(np.array(each) for each in (macs, arena, constants))), capacity)


def test_the_mean_is_over_the_networks_within_the_limits():
    one = cell(0.5, [10, 20, 30, 40], [50, 100, 101, 50], [1, 100, 1, 101])
    assert one.feasible == 0.5
    assert one.mean == 15
    assert one.quantiles == pytest.approx((11, 15, 19))


def test_a_limit_on_macs_counts_as_well():
    assert cell(0.5, [10, 20, 30], [1, 1, 1], capacity=Capacity(100, 100, 20)).mean == 15


def test_the_greatest_mean_wins_among_those_in_which_enough_fits():
    nearly_empty = cell(1.0, [1000] + [2000] * 19, [90] + [200] * 19)
    good, modest = cell(0.5, [100] * 20, [90] * 20), cell(0.2, [50] * 20, [10] * 20)
    assert ranked([nearly_empty, modest, good], 0.1) == [good, modest]
    assert ranked([nearly_empty, modest, good], 0.05)[0] is nearly_empty


def test_an_infeasible_problem_names_the_limit_that_binds_and_by_how_much():
    cells = [cell(1.0, [9, 9], [170, 150]), cell(0.2, [5, 5], [110, 130], [250, 10])]
    with pytest.raises(CapacityError, match=r"none of 4 networks.*widths 0.2.*needs 130 sram_bytes, 30 more"):
        ranked(cells, 0.1)


def test_too_few_feasible_networks_are_told_with_the_best_share():
    with pytest.raises(CapacityError, match=r"at most 25.0% .*widths 0.5"):
        ranked([cell(0.5, [1] * 4, [50, 200, 200, 200]), cell(1.0, [1] * 4, [200] * 4)], 0.5)


@pytest.mark.parametrize("option", [{"samples": 0}, {"least_feasible": 1.5}, {"stack_bytes": -1}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(InputError):
        SelectionOptions(**option)


def _project(space, **limits):
    limits = {"sram_bytes": 60e3, "flash_bytes": 400e3, **limits}
    return Project.model_validate({"search": {"space": space, "limits": limits}})


GRID = {"name": "mcunet", "options": {"widths": [0.2, 0.4], "resolutions": [48, 96]}}


def test_row_rings_let_larger_networks_fit():
    platform = Platform()
    layers, rings = (
        platform.select_space(_project(GRID), SelectionOptions(samples=100, mode=mode)) for mode in ("layers", "rows")
    )
    assert len(layers.cells) == len(rings.cells) == 4
    assert rings.chosen.mean > layers.chosen.mean
    assert layers.report["chosen"] == layers.chosen.options
    json.dumps(layers.report, allow_nan=False)


@pytest.mark.parametrize("mode", ["layers", "resident", "rows"])
def test_tables_and_the_planner_tell_the_same(monkeypatch, mode):
    only = {"depths": [2], "kernels": [5], "expansions": [3]}  # one network in each cell, so that draws cannot differ
    project = _project({"name": "mcunet", "options": {**GRID["options"], **only}})
    options = SelectionOptions(samples=2, mode=mode, least_feasible=0)
    quick = Platform().select_space(project, options).report
    monkeypatch.setattr(McuNetSpace, "surveys", lambda *arguments: None)
    planned = Platform().select_space(project, options).report
    assert quick["spaces"] == planned["spaces"]
    assert quick["chosen"] == planned["chosen"]


def test_a_space_without_a_grid_is_refused():
    with pytest.raises(InputError, match=r"search space tiny.*no grid"):
        Platform().select_space(_project("tiny"))


def test_the_command_explains_its_choice_and_draws_it(tmp_path):
    project, plot = tmp_path / "project.yaml", tmp_path / "plot.svg"
    project.write_text(json.dumps({"search": {"space": GRID, "limits": {"sram_bytes": 60e3, "flash_bytes": 4e5}}}))
    done = CliRunner().invoke(tinyml, ["space", str(project), "--samples", "50", "--plot", str(plot)])
    assert done.exit_code == 0, done.output
    assert "chosen" in done.output
    assert "greatest mean" in done.output
    ElementTree.fromstring(plot.read_text())
    done = CliRunner().invoke(tinyml, ["space", str(project), "--samples", "50", "--mode", "layers", "--json"])
    report = json.loads(done.stdout)
    assert report["mode"] == "layers"
    assert len(report["spaces"]) == 4


def test_names_in_a_plot_are_escaped():
    drawn = ElementTree.fromstring(distribution_svg("<a&b>", {"<c>": np.array([1.0, 2.0]), "empty": np.array([])}, "x"))
    assert "<a&b>" in "".join(drawn.itertext())
