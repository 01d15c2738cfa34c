"""What the adapter promises, checked through the platform as its users meet it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tinyml_core import Platform
from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import ParetoStrategy, SearchStrategy
from tinyml_core.errors import InputError, UnsupportedError
from tinyml_core.search.budget import Budget
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search


@pytest.fixture(scope="module")
def platform():
    return Platform()


@pytest.fixture(scope="module")
def run(platform):
    """Search the bundled space for a hidden candidate: accuracy is the share of choices equal to its own."""
    space = platform.create(SearchSpace, "tiny")
    goal = dict(space.sample(np.random.default_rng(0)).choices)

    def run(options, *, seed=1, evaluations=40, objectives=("size",)):
        strategy = platform.create(SearchStrategy, "optuna", options)
        return search(
            space,
            strategy.toward(objectives),
            costs_of=lambda c: {"size": float(sum(value for _, value in c.choices))},
            work_of=lambda c: partial(float, sum(goal.get(name) == choice for name, choice in c.choices) / len(goal)),
            executor=platform.create(ExecutorFactory, "serial"),
            workers=1,
            budget=Budget(evaluations=evaluations),
            limits=Limits({"size": 170.0}),
            seed=seed,
        )

    return run


def test_the_platform_knows_it(platform):
    (record,) = [record for record in platform.describe() if record.name == "optuna"]
    assert (record.status, record.distribution) == ("LOADED", "tinyml-optuna")
    assert isinstance(platform.create(SearchStrategy, "optuna"), ParetoStrategy)


@pytest.mark.parametrize("sampler", ["TPESampler", "NSGAIISampler", "RandomSampler"])
def test_the_seed_decides_everything_and_nothing_is_evaluated_twice(run, sampler):
    first, again, other = (run({"sampler": sampler}, seed=seed, evaluations=25) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert first.evaluated == 25
    assert len({trial.candidate for trial in first.trials}) == 25


def test_it_learns(run):
    model, chance = (
        np.mean([run({"sampler": sampler}, seed=seed, evaluations=60).best.accuracy for seed in range(4)])
        for sampler in ("TPESampler", "RandomSampler")
    )
    assert model > chance + 0.05


def test_several_objectives(run):
    options = {"sampler": "NSGAIISampler", "options": {"population_size": 10}, "pareto": True}
    many, one = (
        [run(chosen, seed=seed, evaluations=80).front(("size",)) for seed in range(3)]
        for chosen in (options, {**options, "pareto": False})
    )
    smallest = [np.mean([min(trial.costs["size"] for trial in front) for front in fronts]) for fronts in (many, one)]
    assert smallest[0] < smallest[1]


def test_an_objective_that_no_cost_model_tells_is_named(run):
    with pytest.raises(InputError, match="objective joules"):
        run({"pareto": True}, objectives=("joules",))


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"sampler": "Oracle"}, "optuna option sampler"),
        ({"sampler": "BaseSampler"}, "optuna option sampler"),
        ({"options": {"populaton": 3}}, "optuna option options"),
    ],
)
def test_wrong_options_are_told_before_the_search(platform, options, place):
    with pytest.raises(InputError, match=place):
        platform.create(SearchStrategy, "optuna", options)


def test_a_space_that_keeps_its_choices_to_itself_is_refused(platform):
    with pytest.raises(UnsupportedError, match="next_choice"):
        platform.create(SearchStrategy, "optuna").begin(object(), np.random.default_rng(0))


def test_a_small_space_is_exhausted(platform, run):
    options = {"stem_widths": [8], "stage_widths": [[8, 16]], "fewest_stages": 1, "depths": [1, 2], "expansions": [2]}
    space = platform.create(SearchSpace, "tiny", options)
    session = platform.create(SearchStrategy, "optuna").begin(space, np.random.default_rng(0))
    assert len({session.ask() for _ in range(60)}) == space.size
