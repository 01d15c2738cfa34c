"""What a search keeps low beside the accuracy: chosen in the project, minimised by strategies, told as a front."""

from __future__ import annotations

import pytest

from tinyml_core import Platform
from tinyml_core.config import Project
from tinyml_core.errors import InputError


def project(**search):
    quick = {
        "evaluator": {"name": "training", "options": {"steps": 1}},
        "executor": "serial",
        "evaluations": 4,
        "strategy": {"name": "nsga2", "options": {"population": 2}},
    }
    return Project.model_validate({"search": {**quick, **search}})


@pytest.fixture(scope="module")
def platform():
    return Platform()


def test_an_objective_without_a_cost_model_is_told_before_anything_is_evaluated(platform):
    with pytest.raises(
        InputError, match="objective joules: no cost model tells this quantity; known quantities: arena"
    ):
        platform.search(project(objectives=["joules"]))


@pytest.mark.parametrize(
    ("objectives", "told"),
    [({"objectives": ["cycles"]}, ["cycles"]), ({"limits": {"macs": 250e3}}, ["macs"]), ({"objectives": []}, [])],
)
def test_the_front_is_over_the_objectives_or_else_the_limited_costs(platform, objectives, told):
    report = platform.search(project(**objectives)).report
    assert report["objectives"] == told
    front = report["front"]
    assert front[0]["accuracy"] == max(trial["accuracy"] for trial in report["trials"])
    assert all(list(member["costs"]) == told for member in front)
    for quantity in told:
        assert min(member["costs"][quantity] for member in front) == min(t["costs"][quantity] for t in report["trials"])
    if not told:
        assert len(front) == 1
