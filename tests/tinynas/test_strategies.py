"""Search strategies on landscapes whose values are known: evolution has to earn its name."""

from __future__ import annotations

import math
import zlib
from functools import cache, partial
from itertools import pairwise
from statistics import median

import numpy as np
import pytest

import tinyml_plugins.tinynas.hooks
from tinyml_core.api.search_strategy import ParetoStrategy, SearchStrategy
from tinyml_core.errors import InputError
from tinyml_core.platform import Platform
from tinyml_core.search.budget import Budget
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search
from tinyml_core.search.pareto import points_of
from tinyml_core.search.trial import Trial
from tinyml_plugins.executors.in_process import Serial
from tinyml_plugins.tinynas.evolution import Evolution
from tinyml_plugins.tinynas.nsga2 import NSGA2, crowding, fitness
from tinyml_plugins.tinynas.once_for_all import OnceForAll
from tinyml_plugins.tinynas.random_search import RandomSearch
from tinyml_plugins.tinynas.space import TinySpace

SPACE = TinySpace()


@cache
def effect(*key):
    return float(np.random.default_rng(zlib.crc32(repr(key).encode())).normal())


def accuracy(seed, choices):
    """Additive over choices, with epistasis between neighbours."""
    pairs = sum(effect(seed, *left, *right) for left, right in pairwise(choices))
    return 1 / (1 + math.exp(-(sum(effect(seed, *choice) for choice in choices) + pairs / 2) / 6))


def size(candidate):
    choices = dict(candidate.choices)
    return {
        "size": float(sum(choices.values())),
        "wide": float(sum(value for name, value in choices.items() if name.startswith("width"))),
    }


def run(strategy, seed, evaluations):
    return search(
        SPACE,
        strategy,
        costs_of=size,
        work_of=lambda candidate: partial(accuracy, seed, candidate.choices),
        executor=Serial(),
        workers=1,
        budget=Budget(evaluations=evaluations),
        limits=Limits({"size": 150.0}),
        seed=seed,
    )


def test_evolution_beats_random_search_at_equal_evaluations():
    evolved, drawn = ([run(strategy, seed, 100) for seed in range(15)] for strategy in (Evolution(), RandomSearch()))
    assert {result.evaluated for result in evolved + drawn} == {100}
    assert median(r.best.accuracy for r in evolved) > median(r.best.accuracy for r in drawn) + 0.02
    wins = sum(left.best.accuracy > right.best.accuracy for left, right in zip(evolved, drawn, strict=True))
    assert wins >= 12


def test_evolution_needs_less_than_a_tenth_of_the_evaluations_of_random_search():
    reached = sum(run(Evolution(), seed, 150).best.accuracy > run(RandomSearch(), seed, 1500).best.accuracy
                  for seed in range(5))  # fmt: skip
    assert reached >= 3


def test_the_elitist_learns_too():
    evolved, drawn = ([run(strategy, seed, 100) for seed in range(15)] for strategy in (OnceForAll(), RandomSearch()))
    assert median(r.best.accuracy for r in evolved) > median(r.best.accuracy for r in drawn) + 0.02


def covered(result, objectives, reference):
    """The share of a box that the front dominates, by seeded sampling of the box: hypervolume."""
    points = points_of(result.front(objectives), objectives) / reference
    drawn = np.random.default_rng(0).random((4000, len(reference)))
    return float((points[None] <= drawn[:, None]).all(axis=2).any(axis=1).mean())


def test_the_front_of_nsga2_dominates_more_than_that_of_random_search():
    objectives, reference = ("size", "wide"), np.array([1.0, 150.0, 150.0])
    bred, drawn = (
        [covered(run(strategy, seed, 120), objectives, reference) for seed in range(10)]
        for strategy in (NSGA2(objectives=objectives), RandomSearch())
    )
    assert sum(left > right for left, right in zip(bred, drawn, strict=True)) >= 9
    assert median(bred) > median(drawn) + 0.02


@pytest.fixture(scope="module")
def platform():
    return Platform(plugins=[tinyml_plugins.tinynas.hooks], discover=False)


@pytest.mark.parametrize("name", ["evolution", "nsga2", "ofa", "random"])
def test_a_session_draws_from_its_generator_alone_and_stays_in_the_space(platform, name):
    def proposals(seed):
        session = platform.create(SearchStrategy, name).begin(SPACE, np.random.default_rng(seed))
        made = []
        for number in range(300):
            made.append(session.ask())
            if number % 3 == 0:  # many proposals are never told
                session.tell(Trial(number, made[-1], {}, accuracy(0, made[-1].choices)))
        return made

    first = proposals(7)
    assert all(map(SPACE.contains, first))
    assert first == proposals(7) != proposals(8)


def begun(options, told):
    """A session that has heard ``told`` accuracies of different candidates, which are returned beside it."""
    session = options.begin(SPACE, np.random.default_rng(0))
    parents = [session.ask() for _ in told]
    for number, (parent, value) in enumerate(zip(parents, told, strict=True)):
        session.tell(Trial(number, parent, {}, value))
    return session, parents


def distance(left, right):
    return len(set(left.choices) ^ set(right.choices))


def test_the_oldest_dies_even_if_it_was_the_best():
    options = Evolution(population=4, tournament=4, crossover=0.0)
    session, parents = begun(options, [0.9, 0.1, 0.2, 0.3, 0.5])
    children = [session.ask() for _ in range(10)]
    stages = parents[4]["stages"]
    alike = [child for child in children if child["stages"] == stages]
    assert alike
    assert all(distance(child, parents[4]) == 2 for child in alike)  # one choice changed, counted on both sides


def test_a_child_of_two_has_choices_of_both():
    options = Evolution(population=2, tournament=2, crossover=1.0)
    session, parents = begun(options, [0.5, 0.5])
    pool = set(parents[0].choices) | set(parents[1].choices)
    for child in [session.ask() for _ in range(10)]:
        assert len(set(child.choices) - pool) <= 1 or child["stages"] not in {p["stages"] for p in parents}


def test_evolution_repeats_itself_only_when_nothing_new_is_near():
    session, _ = begun(Evolution(population=2, tournament=2), [0.1, 0.2])
    children = [session.ask() for _ in range(300)]
    assert len(set(children)) >= 299


def test_parents_of_the_elitist_are_the_best_ever_seen():
    options = OnceForAll(population=4, parents=0.5, mutation=1.0)
    session, parents = begun(options, [0.9, 0.8, 0.1, 0.2, 0.5, 0.6, 0.7, 0.3])
    children = [session.ask() for _ in range(12)]
    for child in children:
        assert any(child["stages"] != parent["stages"] or distance(child, parent) == 2 for parent in parents[:2])
    assert [trial.accuracy for trial in session._parents] == [0.9, 0.8]


def test_a_crossover_of_the_elitist_has_only_choices_of_its_parents():
    session, parents = begun(OnceForAll(population=2, parents=1.0, mutation=0.0), [0.5, 0.5])
    pool = set(parents[0].choices) | set(parents[1].choices)
    child = session.ask()
    assert set(child.choices) <= pool or child["stages"] not in {p["stages"] for p in parents}


def test_crowding_keeps_the_ends_and_the_lonely():
    points = np.array([[0.0, 10.0], [1.0, 9.0], [2.0, 8.0], [9.0, 1.0], [10.0, 0.0]])
    assert crowding(points).tolist() == [np.inf, pytest.approx(0.4), pytest.approx(1.6), pytest.approx(1.6), np.inf]
    assert [front for front, _ in fitness(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))] == [0, 0, 1]


def test_crowding_of_equal_points_is_finite_or_infinite_but_never_undefined():
    assert not np.isnan(crowding(np.ones((4, 2)))).any()


def test_the_dominated_leave_the_population_first():
    session = NSGA2(objectives=("size",), population=2).begin(SPACE, np.random.default_rng(0))
    for number, (value, cost) in enumerate([(0.9, 5.0), (0.1, 9.0), (0.5, 1.0), (0.4, 2.0)]):
        session.tell(Trial(number, session.ask(), {"size": cost}, value))
    assert sorted(trial.accuracy for trial in session._alive) == [0.5, 0.9]


def test_objectives_come_from_the_project_unless_the_strategy_has_its_own(platform):
    strategy = platform.create(SearchStrategy, "nsga2")
    assert isinstance(strategy, ParetoStrategy)
    assert not isinstance(platform.create(SearchStrategy, "evolution"), ParetoStrategy)
    assert strategy.toward(["macs"]).objectives == ("macs",)
    assert NSGA2(objectives=("cycles",)).toward(["macs"]).objectives == ("cycles",)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("evolution", {"population": 4}),
        ("evolution", {"tournament": 1}),
        ("evolution", {"crossover": 1.5}),
        ("evolution", {"crossover": -0.1}),
        ("ofa", {"population": 1}),
        ("ofa", {"parents": 1.5}),
        ("ofa", {"mutation": -0.5}),
        ("nsga2", {"population": 1}),
        ("nsga2", {"crossover": 2.0}),
    ],
)
def test_options_out_of_range_are_refused(platform, name, options):
    with pytest.raises(InputError, match=f"{name} option"):
        platform.create(SearchStrategy, name, options)
