"""``auto``: what it measures, that it pays once, and that what it chooses fits as the planner counts."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyml_core.api.optimizer import TrainingOptimizer
from tinyml_core.api.update_selector import LearningTask, StepPlan, UpdateSelector
from tinyml_core.errors import CapacityError, InputError, PluginError, UnsupportedError
from tinyml_core.pipeline.compilation import CompileOptions
from tinyml_core.pipeline.step_budget import PlannedSteps
from tinyml_core.training import FloatHead, build_step
from tinyml_plugins.learning.choice_memory import ChoiceMemory
from tinyml_plugins.learning.contribution import Choice
from tinyml_plugins.learning.extra_memory import extra_memory
from tinyml_plugins.learning.fitting import PLANS

HERE = Path(__file__).parent
CHOICES = 12
"""Biases of 0 to 3 layers; 2 shares of the first layer's two channels, 3 of each other's four."""


@pytest.fixture
def trial(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    return importlib.import_module("tried_selection")


@pytest.fixture
def planned(platform, small):
    """``planned(bytes)``: steps of the small network, a new head of three classes, by the real planner."""
    rule = platform.create(TrainingOptimizer, "qas")

    def budget(sram):
        options = CompileOptions(objective="sram", sram=sram)
        build = lambda scheme: build_step(small, scheme, rule, head=FloatHead(3))  # noqa: E731
        return PlannedSteps(build, "whole gradients", platform.target("stm32f746"), options, platform)

    return budget


def visits(folder):
    return (folder / "visits").stat().st_size


def test_a_killed_analysis_goes_on_and_pays_nothing_twice(trial, tmp_path):
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    calm.mkdir(), rough.mkdir()
    expected = trial.selected(calm)
    assert visits(calm) == CHOICES

    command = [sys.executable, str(HERE / "tried_selection.py"), str(rough)]
    (rough / "deadly").write_text("6")
    assert subprocess.run(command, timeout=600, check=False).returncode == -signal.SIGKILL
    assert (rough / "journal.jsonl.samples").is_dir()
    with (rough / "journal.jsonl").open("ab") as file:
        file.write(b'{"kind":"finished","key":"torn')
    assert trial.selected(rough) == expected
    assert visits(rough) == CHOICES + 1  # the one that died is tried again
    keys = [json.loads(line)["key"] for line in (rough / "journal.jsonl").read_text().splitlines()[1:]]
    assert len(keys) == len(set(keys)) == CHOICES

    assert trial.selected(rough) == expected
    assert visits(rough) == CHOICES + 1
    assert sorted(path.name for path in rough.iterdir()) == ["deadly", "journal.jsonl", "visits"]


def test_another_budget_needs_no_new_fine_tunings_and_another_rate_another_journal(trial, tmp_path, small):
    least, most = (trial.selected(tmp_path, options={"extra_bytes": bytes}) for bytes in (60, 10_000))
    assert extra_memory(small, least).bytes <= 60 < extra_memory(small, most).bytes
    assert visits(tmp_path) == CHOICES
    with pytest.raises(InputError, match="belongs to a search with another configuration"):
        trial.selected(tmp_path, options={"rate": 0.1})


def test_what_is_chosen_fits_the_plan(trial, tmp_path, planned, small):
    unlimited = trial.selected(tmp_path, options={"extra_bytes": 10_000})
    whole = planned(10**5).planned(unlimited).bytes
    assert trial.selected(tmp_path, sram=planned(whole)) == unlimited
    budget = planned(whole - 100)
    scheme = trial.selected(tmp_path, sram=budget)
    assert budget.least(scheme) <= budget.planned(scheme).bytes <= whole - 100
    assert scheme.layers
    with pytest.raises(CapacityError, match="bytes of SRAM are needed where 2300 are left"):
        trial.selected(tmp_path, sram=planned(2300))
    assert visits(tmp_path) == CHOICES


class Stubborn:
    """A budget of 400 bytes whose plans need more than their least, so that the first ones do not fit."""

    place, bytes = "anywhere", 400

    def __init__(self, graph, refusals, over=15):
        self._graph, self._refusals, self._over, self.plans = graph, refusals, over, []

    def least(self, scheme):
        return extra_memory(self._graph, scheme).bytes + 100

    def planned(self, scheme):
        self.plans.append(scheme)
        if len(self.plans) > self._refusals:
            return StepPlan(self.bytes, "")
        return StepPlan(self._over and self.bytes + self._over, f"node {len(self.plans)}")


@pytest.mark.parametrize("over", [15, None])
def test_schemes_shrink_until_a_plan_fits_and_plans_are_remembered(trial, tmp_path, small, over):
    sram = Stubborn(small, 2, over)
    scheme = trial.selected(tmp_path, sram=sram)
    assert sram.plans[-1] == scheme
    needed = [sram.least(each) for each in sram.plans]
    assert len(needed) == 3
    assert sram.bytes >= needed[0]
    assert needed[0] - (over or 12) >= needed[1]
    assert needed[1] - (over or 12) >= needed[2]
    again = Stubborn(small, 100)
    assert trial.selected(tmp_path, sram=again) == scheme
    assert again.plans == []


@pytest.mark.parametrize("selector", ["auto", "fisher"])
def test_where_no_plan_fits_it_is_told_what_binds(trial, tmp_path, platform, small, selector):
    sram = Stubborn(small, 100)
    with pytest.raises(CapacityError, match=r"no update scheme fits 400 .* planned: 415 bytes, bound by node ."):
        if selector == "auto":
            trial.selected(tmp_path, sram=sram)
        else:
            platform.create(UpdateSelector, "fisher", {"samples": 4}).select(
                small, LearningTask(data=trial.spots(), sram=sram)
            )
    assert 2 <= len(sram.plans) <= PLANS


def test_fisher_fits_the_plan(trial, platform, planned, small):
    def selected(sram):
        return platform.create(UpdateSelector, "fisher", {"samples": 4}).select(
            small, LearningTask(data=trial.spots(), sram=sram)
        )

    whole = planned(10**5).planned(selected(planned(10**5))).bytes
    budget = planned(whole - 100)
    assert budget.planned(selected(budget)).bytes <= whole - 100


def test_memory_of_choices_is_that_of_their_schemes(platform, small, network):
    rng = np.random.default_rng(0)
    for graph in (small, network(classifier=False)):
        memory = ChoiceMemory(graph)
        for _ in range(40):
            weights = tuple((layer, float(rng.choice([0.25, 0.5, 1.0]))) for layer in range(3) if rng.random() < 0.5)
            choice = Choice(int(rng.integers(4)), weights)
            scheme = platform.create(UpdateSelector, "sparse", choice.options).select(graph)
            assert memory.bytes(choice) == extra_memory(graph, scheme).bytes


def test_workers_and_the_own_classifier(trial, platform, small):
    options = trial.OPTIONS | {"fine_tuner": "simulation", "executor": "threads", "classifier": True}
    task = LearningTask(data=trial.spots(), platform=platform)
    scheme = platform.create(UpdateSelector, "auto", options | {"workers": 3}).select(small, task)
    assert scheme.layers[-1].node == "classes"
    assert scheme == platform.create(UpdateSelector, "auto", options | {"workers": 1}).select(small, task)


def test_fine_tunings_that_fail_are_told(trial, tmp_path):
    with pytest.raises(UnsupportedError, match="a fine-tuning failed: MemoryError: too much"):
        trial.selected(tmp_path, journal=False, refuses=True)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"last_layers": 4}, InputError, "has 3 layers before the classifier, not 4"),
        ({"bias_layers": [0, 4]}, InputError, "has 3 layers before the classifier, not 4"),
        ({"bias_layers": [1, 1]}, InputError, "different numbers"),
        ({"fractions": [0.0]}, InputError, "above 0"),
        ({"workers": 0}, InputError, "workers is 0"),
        ({"rate": 0.0}, InputError, "rate is 0"),
        ({"last_layers": 0}, InputError, "last_layers is 0"),
        ({"extra_bytes": 1}, CapacityError, "where 1 are given"),
        ({"fine_tuner": "simulaton"}, PluginError, "simulation"),
    ],
)
def test_what_does_not_suit_is_refused(trial, tmp_path, options, error, said):
    with pytest.raises(error, match=said):
        trial.selected(tmp_path, journal=False, options=options)


def test_without_data_there_is_nothing_to_measure(platform, small):
    with pytest.raises(InputError, match="needs samples to learn from"):
        platform.create(UpdateSelector, "auto").select(small)
