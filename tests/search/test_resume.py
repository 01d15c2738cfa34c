"""A search killed with SIGKILL at arbitrary moments, resumed until it ends, equals one that nobody disturbed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter

from tinyml_core.search.journal import Header, Journal

HEADER = Header(config="test", seed=5)

SEARCH = """
import json, sys, time
from functools import partial
from pathlib import Path
from tinyml_core.search.budget import Budget
from tinyml_core.search.journal import Header, Journal
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search
from tinyml_plugins.executors.in_process import Threads
from tinyml_plugins.tinynas.evolution import Evolution
from tinyml_plugins.tinynas.space import TinySpace

journal, log, result = map(Path, sys.argv[1:])

def evaluate(candidate):
    time.sleep(0.01)
    with log.open("a") as file:
        file.write(candidate.key + "\\n")
    return int(candidate.key, 16) / 16 ** 16

def costs(candidate):
    return {"macs": float(sum(value for _, value in candidate.choices))}

with Journal(journal, Header(config="test", seed=5), resume=True) as kept:
    found = search(
        TinySpace(), Evolution(), costs_of=costs, work_of=lambda candidate: partial(evaluate, candidate),
        executor=Threads(), workers=2, budget=Budget(evaluations=60), limits=Limits({"macs": 140.0}),
        seed=5, journal=kept,
    )
result.write_text(json.dumps([[trial.number, trial.candidate.key, trial.accuracy] for trial in found.trials]))
"""


def run(folder, lifetime=None):
    """Run the search; killed after ``lifetime`` seconds when it is given."""
    command = [sys.executable, "-c", SEARCH, *(str(folder / name) for name in ("journal", "log", "result"))]
    with subprocess.Popen(command) as process:
        if lifetime is not None:
            while process.poll() is None and not (folder / "journal").exists():
                time.sleep(0.005)
            time.sleep(lifetime)
            process.send_signal(signal.SIGKILL)
    return process.returncode


def finished(folder):
    """Keys of the evaluations that the journal holds as whole lines."""
    whole, _, _ = (folder / "journal").read_text().rpartition("\n")
    lines = [json.loads(line) for line in whole.splitlines()]
    return {line["key"] for line in lines if line["kind"] == "finished"}


def test_a_killed_search_resumes_to_the_same_end_and_pays_for_nothing_twice(tmp_path):
    (tmp_path / "calm").mkdir()
    (tmp_path / "rough").mkdir()
    assert run(tmp_path / "calm") == 0
    rng, kills, paid, log = random.Random(0), 0, set(), tmp_path / "rough" / "log"
    for attempt in range(20):
        before = len(log.read_text().splitlines()) if log.exists() else 0
        lifetime = rng.uniform(0, 0.12) if attempt < 6 else None
        code = run(tmp_path / "rough", lifetime)
        again = log.read_text().splitlines()[before:] if log.exists() else []
        assert not paid & set(again)
        assert max(Counter(again).values(), default=0) <= 1
        paid = finished(tmp_path / "rough")
        if code == 0:
            break
        kills += code == -signal.SIGKILL
    assert kills >= 3
    assert (tmp_path / "rough" / "result").read_text() == (tmp_path / "calm" / "result").read_text()
    assert len(finished(tmp_path / "rough")) == 60


def test_a_finished_search_costs_nothing_to_repeat(tmp_path, problem):
    with Journal(tmp_path / "j", HEADER) as journal:
        first = problem(journal=journal)
    content = (tmp_path / "j").read_bytes()

    def never(candidate):
        raise AssertionError("paid for again")

    with Journal(tmp_path / "j", HEADER, resume=True) as journal:
        assert problem(journal=journal, costs_of=never, work_of=never) == first
    assert (tmp_path / "j").read_bytes() == content
