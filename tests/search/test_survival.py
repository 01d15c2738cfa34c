"""Searches whose processes are killed at random: nothing lost, nothing journaled twice, the same end."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

from tinyml_core.testing.ordeal import Ordeal
from tinyml_core.testing.survival import finished, ravage, undisturbed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="worker processes are found in /proc")


@pytest.fixture(params=["processes", "dask"])
def executor(request):
    if request.param == "dask":
        pytest.importorskip("distributed", reason="the dask extra is not installed")
    return request.param


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """The outcome of a search that nobody disturbs; it does not depend on the executor."""

    @cache
    def calm(evaluations, strategy="evolution"):
        ordeal = Ordeal(executor="threads", evaluations=evaluations, strategy=strategy, seconds=0.0)
        return undisturbed(ordeal, tmp_path_factory.mktemp("calm"))

    return calm


def judge(rough, calm, evaluations):
    assert len(rough.journaled) == evaluations, "an evaluation is lost"
    assert len(set(rough.journaled)) == evaluations, "an evaluation was journaled twice"
    assert not rough.outcome["failures"], "an innocent candidate was given up"
    assert rough.outcome == calm.outcome
    assert rough.visits >= evaluations


def test_a_few_kills(executor, calm, tmp_path):
    rough = ravage(Ordeal(executor=executor, evaluations=16, seconds=0.05), tmp_path, kills=4, seed=4)
    assert min(rough.killed_main, rough.killed_workers) >= 1
    judge(rough, calm(16), 16)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_twenty_kills_in_sixty_evaluations(executor, calm, tmp_path, seed):
    rough = ravage(Ordeal(executor=executor), tmp_path, kills=20, seed=seed)
    assert rough.killed_main + rough.killed_workers == 20
    judge(rough, calm(60), 60)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ofa", "random"])
def test_every_strategy_survives(calm, tmp_path, strategy):
    rough = ravage(Ordeal(executor="processes", strategy=strategy), tmp_path, kills=10, seed=2)
    judge(rough, calm(60, strategy), 60)


def test_poison_is_recorded_and_skipped_and_its_neighbours_finish(executor, tmp_path):
    ordeal = Ordeal(executor=executor, evaluations=10, seconds=0.02, poison=24, seed=3)
    first = undisturbed(ordeal, tmp_path)
    failures = first.outcome["failures"]
    assert [key for _, key, _ in failures] == [key for key in sorted_by_number(first) if int(key[:2], 16) < 24]
    assert 1 <= len(failures) <= 2, "the seed is chosen so that there is poison"
    assert {reason for _, _, reason in failures} == {"the worker died in each of 3 tries"}
    assert len(first.outcome["trials"]) == 10 - len(failures)
    assert sorted(first.journaled) == sorted(sorted_by_number(first))
    again = undisturbed(ordeal, tmp_path)
    assert again == first, "a candidate that was given up is not tried again"


def sorted_by_number(survivor):
    outcome = survivor.outcome
    return [key for _, key, *_ in sorted(outcome["trials"] + outcome["failures"])]


def test_a_torn_journal_counts_whole_lines_only(tmp_path: Path):
    assert finished(tmp_path) == []
    (tmp_path / "journal.jsonl").write_text('{"kind":"header"}\n{"kind":"finished","key":"a"}\n{"kind":"fini')
    assert finished(tmp_path) == ["a"]
