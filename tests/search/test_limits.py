"""Budgets and limits: what they refuse, and how a hopeless problem is explained."""

from __future__ import annotations

import math

import pytest

from tinyml_core.errors import InputError
from tinyml_core.search.budget import Budget
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.limits import Limits, Rejections


@pytest.mark.parametrize("bound", ["evaluations", "draws", "window"])
def test_a_budget_starts_at_one(bound):
    with pytest.raises(InputError, match=f"budget {bound}"):
        Budget(**{"evaluations": 1, bound: 0})


@pytest.mark.parametrize("maximum", [0, -1, math.inf, math.nan])
def test_a_limit_is_positive_and_finite(maximum):
    with pytest.raises(InputError, match="limit macs"):
        Limits({"macs": maximum})


def test_excess_is_relative_and_only_for_broken_limits():
    limits = Limits({"macs": 100.0, "sram_bytes": 10.0})
    assert limits.excess({"macs": 100.0, "sram_bytes": 10.0, "cycles": 1e9}) == {}
    assert limits.excess({"macs": 150.0, "sram_bytes": 9.0}) == {"macs": 0.5}


def test_a_cost_that_is_no_number_is_not_feasible():
    assert "macs" in Limits({"macs": 100.0}).excess({"macs": math.nan})


def test_a_limit_nobody_can_check_is_refused():
    with pytest.raises(InputError, match="limit joules: no cost model tells this quantity; known quantities: macs"):
        Limits({"joules": 1.0}).excess({"macs": 1.0})


def rejected(limits, *costs):
    rejections = Rejections(Limits(limits))
    for number, cost in enumerate(costs):
        rejections.add(Candidate.of({"n": number}), cost, rejections.limits.excess(cost))
    return rejections


def test_the_binding_limit_is_the_one_nothing_came_near():
    rejections = rejected(
        {"macs": 100.0, "sram_bytes": 10.0}, {"macs": 120.0, "sram_bytes": 30.0}, {"macs": 90.0, "sram_bytes": 25.0}
    )
    assert rejections.counts == {"macs": 1, "sram_bytes": 2}
    error = rejections.explain()
    assert error.place == "limit sram_bytes = 10"
    assert "the least sram_bytes seen is 25, 15 more than allowed" in error.problem
    assert "at least 25" in error.remedy


def test_limits_that_exclude_each_other_are_explained_by_the_nearest_miss():
    rejections = rejected(
        {"macs": 100.0, "sram_bytes": 10.0}, {"macs": 130.0, "sram_bytes": 9.0}, {"macs": 90.0, "sram_bytes": 12.0}
    )
    assert rejections.nearest[1]["n"] == 1
    error = rejections.explain()
    assert "the nearest candidate needs 12 sram_bytes, 2 more than allowed" in error.problem
