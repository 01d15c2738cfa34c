"""The evaluation pool under real worker processes that die."""

from __future__ import annotations

import math
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from tinyml_core.errors import InputError
from tinyml_core.search.evaluation import TRIES, EvaluationPool
from tinyml_plugins.executors.in_process import Serial, Threads
from tinyml_plugins.executors.processes import Processes


def visit(folder, number, deadly=False, once=False):
    """Note the visit, then die or answer."""
    visits = Path(folder, str(number))
    first = not visits.exists()
    with visits.open("a") as file:
        file.write("x")
    if deadly and (first or not once):
        os._exit(1)
    return number / 10


def outcomes(factory, works, workers=2):
    with EvaluationPool(factory, workers) as pool:
        for number, work in enumerate(works):
            pool.submit(number, work)
        found = {}
        while len(found) < len(works):
            found |= {outcome.number: outcome for outcome in pool.finished(block=True)}
    return [found[number] for number in range(len(works))]


def calls(folder):
    return {int(path.name): len(path.read_text()) for path in folder.iterdir()}


def test_a_worker_that_dies_once_costs_nothing_but_time(tmp_path):
    works = [partial(visit, tmp_path, number, deadly=number == 3, once=True) for number in range(8)]
    assert [outcome.accuracy for outcome in outcomes(Processes(), works)] == [n / 10 for n in range(8)]
    assert calls(tmp_path)[3] == 2


def test_a_poison_candidate_is_given_up_and_its_neighbours_finish(tmp_path):
    works = [partial(visit, tmp_path, number, deadly=number == 2) for number in range(6)]
    found = outcomes(Processes(), works)
    assert [outcome.accuracy for outcome in found] == [0.0, 0.1, None, 0.3, 0.4, 0.5]
    assert found[2].reason == "the worker died in each of 3 tries"
    assert calls(tmp_path)[2] == TRIES
    assert all(count <= 2 for number, count in calls(tmp_path).items() if number != 2)


def test_a_broken_pool_accepts_further_work(tmp_path):
    with EvaluationPool(Processes(), 1) as pool:
        pool.submit(0, partial(visit, tmp_path, 0, deadly=True, once=True))
        pool._running[0][1].exception()  # wait until the pool has noticed that its worker is dead
        pool.submit(1, partial(visit, tmp_path, 1))
        found = {outcome.number: outcome.accuracy for outcome in pool.finished(block=True)}
    assert found == {0: 0.0, 1: 0.1}


@pytest.mark.parametrize("factory", [Serial(), Threads()])
@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (partial(math.sqrt, -1), "ValueError: math domain error"),
        (partial(sys.exit, 3), "SystemExit: 3"),
        (partial(float, "nan"), "the accuracy is nan, outside 0 to 1"),
        (partial(float, "1.5"), "the accuracy is 1.5, outside 0 to 1"),
    ],
)
def test_what_an_evaluation_raises_is_its_own_failure(factory, work, reason):
    found = outcomes(factory, [partial(float, "0.5"), work, partial(float, "0.25")])
    assert [outcome.accuracy for outcome in found] == [0.5, None, 0.25]
    assert found[1].reason == reason


def refuse():
    raise InputError("cannot be read", place="data.npz", remedy="download it again")


def test_a_problem_that_all_evaluations_share_ends_the_search():
    with pytest.raises(InputError, match=r"data\.npz: cannot be read; download it again"):
        outcomes(Processes(), [refuse], workers=1)


def unprintable():
    raise ValueError("\udcff" * 1000)


def test_reasons_can_be_written_whatever_the_message_holds():
    (found,) = outcomes(Serial(), [unprintable])
    assert len(found.reason.encode()) <= 500


def test_no_worker_outlives_the_pool():
    with EvaluationPool(Processes(), 1) as pool:
        pool.submit(0, partial(float, "0.5"))
        list(pool.finished(block=True))
        (worker,) = pool._executor._processes.values()
        assert worker.is_alive()
    assert not worker.is_alive()
