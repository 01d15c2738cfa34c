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
from tinyml_core.api.search_strategy import SearchStrategy
from tinyml_core.errors import InputError
from tinyml_core.platform import Platform
from tinyml_core.search.budget import Budget
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search
from tinyml_core.search.trial import Trial
from tinyml_plugins.executors.in_process import Serial
from tinyml_plugins.tinynas.evolution import Evolution
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


def run(strategy, seed, evaluations):
    return search(
        SPACE,
        strategy,
        costs_of=lambda candidate: {"size": float(sum(value for _, value in candidate.choices))},
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


@pytest.fixture(scope="module")
def platform():
    return Platform(plugins=[tinyml_plugins.tinynas.hooks], discover=False)


@pytest.mark.parametrize("name", ["evolution", "random"])
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


@pytest.mark.parametrize(
    "options",
    [{"population": 4}, {"tournament": 1}, {"crossover": 1.5}, {"crossover": -0.1}],
)
def test_options_out_of_range_are_refused(platform, options):
    with pytest.raises(InputError, match="evolution option"):
        platform.create(SearchStrategy, "evolution", options)
