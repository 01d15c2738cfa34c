"""The loop: limits, bounds, determinism, and what ends a search that cannot succeed."""

from __future__ import annotations

import random
import time
from functools import partial

import numpy as np
import pytest

from tinyml_core.errors import CapacityError, InputError, PluginError, UnsupportedError
from tinyml_core.events import StageAdvanced
from tinyml_core.search.budget import Budget
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.limits import Limits
from tinyml_core.search.result import SearchResult, rank
from tinyml_core.search.trial import Trial
from tinyml_plugins.executors.in_process import Threads
from tinyml_plugins.executors.processes import Processes
from tinyml_plugins.tinynas.evolution import Evolution
from tinyml_plugins.tinynas.random_search import RandomSearch
from tinyml_plugins.tinynas.space import TinySpace

SMALL = TinySpace(stem_widths=(8,), stage_widths=((8, 16),), fewest_stages=1, depths=(1, 2), expansions=(2,))


def dawdle(candidate):
    time.sleep(random.random() / 100)
    return int(candidate.key, 16) / 16**16


def works(candidate):
    return partial(dawdle, candidate)


def test_the_result_depends_on_the_seed_alone(problem):
    one, two, three = (problem(work_of=works, executor=Threads(), workers=workers) for workers in (1, 2, 5))
    assert one == two == three
    assert one != problem(work_of=works, executor=Threads(), workers=2, seed=2)


def test_real_processes_give_the_same_result_with_one_and_two_workers(problem):
    one, two = (problem(work_of=works, executor=Processes(), workers=n, evaluations=20) for n in (1, 2))
    assert one == two == problem(work_of=works, evaluations=20)


@pytest.mark.parametrize("strategy", [RandomSearch(), Evolution()])
def test_no_evaluated_candidate_breaks_a_limit_in_ten_thousand_draws(problem, strategy):
    limits = Limits({"macs": 110_000.0, "sram_bytes": 2600.0})
    evaluated = []

    def note(candidate):
        evaluated.append(candidate)
        return partial(float, int(candidate.key, 16) / 16**16)

    budget = Budget(evaluations=9999, draws=10_000)
    result = problem(strategy=strategy, limits=limits, budget=budget, work_of=note)
    assert (result.draws, result.ended) == (10_000, "draws")
    assert [trial.candidate for trial in result.trials] == evaluated
    assert len(set(evaluated)) == len(evaluated) == result.evaluated > 100
    assert not any(limits.excess(trial.costs) for trial in result.trials)
    assert sum(result.rejected.values()) >= result.costed - result.evaluated > 100


def test_an_infeasible_problem_ends_and_names_the_limit(problem):
    asked = []

    def cost(candidate):
        asked.append(candidate)
        return {"macs": 1.0, "sram_bytes": 5000.0 + candidate["stem"]}

    with pytest.raises(CapacityError) as caught:
        problem(
            costs_of=cost, limits=Limits({"macs": 10.0, "sram_bytes": 4000.0}), budget=Budget(evaluations=5, draws=300)
        )
    assert len(asked) <= 300
    assert caught.value.place == "limit sram_bytes = 4000"
    assert "the least sram_bytes seen is 5008, 1008 more than allowed" in str(caught.value)
    assert "raise sram_bytes to at least 5008" in str(caught.value)


@pytest.mark.parametrize("strategy", [RandomSearch(), Evolution()])
def test_a_small_space_is_exhausted_not_searched_for_ever(problem, strategy):
    result = problem(space=SMALL, strategy=strategy, evaluations=1000, limits=Limits({}))
    assert (result.ended, result.evaluated, result.costed) == ("exhausted", SMALL.size, SMALL.size)
    assert SMALL.size == 8


def test_a_limit_without_a_cost_model_is_refused_before_anything_is_evaluated(problem):
    with pytest.raises(InputError, match="limit joules"):
        problem(limits=Limits({"joules": 1.0}), work_of=lambda candidate: pytest.fail("evaluated"))


def test_a_cost_that_is_no_number_is_blamed_on_its_model(problem):
    with pytest.raises(PluginError, match="quantity macs"):
        problem(costs_of=lambda candidate: {"macs": float("inf")}, limits=Limits({"macs": 1.0}))


class Astray:
    def begin(self, space, rng):
        return self

    def ask(self):
        return Candidate.of({"stem": 7})

    def tell(self, trial):
        pytest.fail("told a trial it cannot have proposed")


def test_a_strategy_that_leaves_the_space_is_named(problem):
    with pytest.raises(PluginError, match=r"search strategy Astray: proposed \{'stem': 7\}"):
        problem(strategy=Astray())


def test_failures_are_counted_kept_and_never_told(problem):
    def some(candidate):
        return partial(float, "nan" if candidate["stages"] == 2 or candidate["stem"] == 8 else "0.5")

    events = []
    result = problem(work_of=some, strategy=RandomSearch(), listen=events.append)
    assert result.failures
    assert result.evaluated == len(result.trials) + len(result.failures) == 40
    assert sorted([t.number for t in result.trials] + [f.number for f in result.failures]) == list(range(40))
    assert len(events) == 40
    assert sum("failed: the accuracy is nan" in event.note for event in events) == len(result.failures)


def test_a_search_in_which_everything_fails_stops_early(problem):
    tried = []

    def broken(candidate):
        tried.append(candidate)
        return partial(int, "no number")

    with pytest.raises(UnsupportedError, match="each of the first 4 evaluations failed, the first with: ValueError"):
        problem(work_of=broken, budget=Budget(evaluations=1000, window=4))
    assert len(tried) <= 8


def test_trials_are_told_in_the_order_of_the_proposals_and_within_the_window(problem):
    log = []

    class Recorder(RandomSearch):
        def begin(self, space, rng):
            session = super().begin(space, rng)
            ask, tell = session.ask, session.tell

            class Session:
                def ask(self):
                    log.append("ask")
                    return ask()

                def tell(self, trial):
                    log.append(trial.number)
                    tell(trial)

            return Session()

    problem(strategy=Recorder(), work_of=works, executor=Threads(), workers=4, limits=Limits({}), evaluations=12)
    assert [entry for entry in log if entry != "ask"] == list(range(12))
    pending = np.cumsum([1 if entry == "ask" else -1 for entry in log])
    assert pending.max() == 8


def test_progress_is_one_step_per_evaluation(problem):
    events = []
    result = problem(evaluations=5, listen=events.append)
    assert [type(event) for event in events] == [StageAdvanced] * 5
    assert events[-1].note.endswith(f"best {result.best.accuracy:.4f}")


def trial(number, accuracy, macs):
    return Trial(number, Candidate.of({"n": number}), {"macs": macs}, accuracy)


def test_the_best_of_equals_computes_less_and_came_first():
    trials = (trial(0, 0.5, 10), trial(1, 0.9, 30), trial(2, 0.9, 20), trial(3, 0.9, 20))
    result = SearchResult(trials, (), 4, 4, {}, "evaluations")
    assert result.best.number == 2
    assert result.history == (0.5, 0.9, 0.9, 0.9)
    assert sorted(trials, key=rank)[0].number == 0
