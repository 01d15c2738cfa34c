"""What the adapter promises, checked through the platform as its users meet it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tinyml_core import Platform
from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import ParetoStrategy, SearchStrategy
from tinyml_core.errors import InputError
from tinyml_core.search.budget import Budget
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search

ALGORITHMS = ["NSGA2", "SMSEMOA", "GA"]


@pytest.fixture(scope="module")
def platform():
    return Platform()


@pytest.fixture(scope="module")
def run(platform):
    """Search the bundled space for a hidden candidate: accuracy is the share of choices equal to its own."""
    space = platform.create(SearchSpace, "tiny")
    goal = dict(space.sample(np.random.default_rng(0)).choices)

    def run(strategy, *, seed=1, evaluations=40):
        return search(
            space,
            strategy,
            costs_of=lambda c: {"size": float(sum(value for _, value in c.choices))},
            work_of=lambda c: partial(float, sum(goal.get(name) == choice for name, choice in c.choices) / len(goal)),
            executor=platform.create(ExecutorFactory, "serial"),
            workers=1,
            budget=Budget(evaluations=evaluations),
            limits=Limits({"size": 170.0}),
            seed=seed,
        )

    return run


def pymoo(platform, **options):
    return platform.create(SearchStrategy, "pymoo", {"population": 8, **options}).toward(("size",))


def test_the_platform_knows_it(platform):
    (record,) = [record for record in platform.describe() if record.name == "pymoo"]
    assert (record.status, record.distribution) == ("LOADED", "tinyml-pymoo")
    assert isinstance(platform.create(SearchStrategy, "pymoo"), ParetoStrategy)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_seed_decides_everything_and_nothing_is_evaluated_twice(platform, run, algorithm):
    strategy = pymoo(platform, algorithm=algorithm)
    first, again, other = (run(strategy, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert first.evaluated == 40
    assert len({trial.candidate for trial in first.trials}) == 40


def test_a_genetic_algorithm_learns(platform, run):
    bred = np.mean(
        [run(pymoo(platform, algorithm="GA"), seed=seed, evaluations=100).best.accuracy for seed in range(4)]
    )
    drawn = platform.create(SearchStrategy, "random")
    assert bred > np.mean([run(drawn, seed=seed, evaluations=100).best.accuracy for seed in range(4)]) + 0.05


def test_several_objectives_reach_smaller_networks(platform, run):
    many, one = (
        [run(pymoo(platform, algorithm=name), seed=seed, evaluations=80).front(("size",)) for seed in range(3)]
        for name in ("NSGA2", "GA")
    )
    smallest = [np.mean([min(trial.costs["size"] for trial in front) for front in fronts]) for fronts in (many, one)]
    assert smallest[0] < smallest[1]


def test_objectives_of_its_own_are_kept(platform):
    assert pymoo(platform, objectives=["macs"]).objectives == ("macs",)
    assert pymoo(platform).objectives == ("size",)
    assert pymoo(platform, algorithm="GA").objectives == ()


def test_a_search_in_which_nothing_is_told_goes_on(platform):
    space = platform.create(SearchSpace, "tiny")
    session = pymoo(platform).begin(space, np.random.default_rng(3))
    assert len({session.ask() for _ in range(60)}) > 50  # as when every proposal is infeasible


def test_a_small_space_is_exhausted(platform, run):
    options = {"stem_widths": [8], "stage_widths": [[8, 16]], "fewest_stages": 1, "depths": [1, 2], "expansions": [2]}
    space = platform.create(SearchSpace, "tiny", options)
    session = pymoo(platform).begin(space, np.random.default_rng(0))
    assert len({session.ask() for _ in range(100)}) == space.size


@pytest.mark.parametrize("options", [{"algorithm": "Oracle"}, {"population": 1}])
def test_wrong_options_are_told_before_the_search(platform, options):
    with pytest.raises(InputError, match=f"pymoo option {next(iter(options))}"):
        platform.create(SearchStrategy, "pymoo", options)


def test_an_objective_that_no_cost_model_tells_is_named(platform, run):
    with pytest.raises(InputError, match="objective joules"):
        run(pymoo(platform, objectives=["joules"]))
