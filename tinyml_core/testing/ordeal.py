"""Ordeal: a search made to be killed; :mod:`tinyml_core.testing.survival` runs it as a program of its own.

    python -m tinyml_core.testing.ordeal '{"executor": "processes"}' FOLDER

It resumes from the journal in FOLDER and writes its result there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.api.search_space import SearchSpace
from tinyml_core.api.search_strategy import SearchStrategy
from tinyml_core.platform import Platform
from tinyml_core.search.budget import Budget
from tinyml_core.search.candidate import Candidate
from tinyml_core.search.journal import Header, Journal
from tinyml_core.search.limits import Limits
from tinyml_core.search.loop import search
from tinyml_core.search.result import SearchResult

JOURNAL, VISITS, RESULT = "journal.jsonl", "visits", "result.json"


@dataclass(frozen=True, kw_only=True)
class Ordeal:
    """The search; its evaluations only wait, and their accuracies depend on the candidate alone."""

    executor: str
    strategy: str = "evolution"
    evaluations: int = 60
    workers: int = 2
    seconds: float = 0.1
    """How long an evaluation takes."""
    poison: int = 0
    """How many of 256 candidates kill their worker, every time."""
    seed: int = 5


def evaluate(folder: str, key: str, seconds: float, deadly: bool) -> float:
    """Note the visit, then die or answer."""
    with Path(folder, VISITS).open("ab") as file:
        file.write(b".")
    if deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)
    return int(key, 16) / 16**16


def run(ordeal: Ordeal, folder: Path) -> SearchResult:
    """Run or resume the search."""
    platform = Platform()

    def costs(candidate: Candidate) -> dict[str, float]:
        return {"size": float(sum(value for _, value in candidate.choices if not isinstance(value, str)))}

    def work(candidate: Candidate) -> partial[float]:
        deadly = int(candidate.key[:2], 16) < ordeal.poison
        return partial(evaluate, str(folder), candidate.key, ordeal.seconds, deadly)

    with Journal(folder / JOURNAL, Header(config="ordeal", seed=ordeal.seed), resume=True) as journal:
        return search(
            platform.create(SearchSpace, "tiny"), platform.create(SearchStrategy, ordeal.strategy),
            costs_of=costs, work_of=work,
            executor=platform.create(ExecutorFactory, ordeal.executor), workers=ordeal.workers,
            budget=Budget(evaluations=ordeal.evaluations), limits=Limits({"size": 150.0}),
            seed=ordeal.seed, journal=journal,
        )  # fmt: skip


def main() -> None:
    """Run the search named on the command line and write what it found."""
    # Workers know this module by its name; here it is __main__, whose functions they could not import.
    from tinyml_core.testing import ordeal

    folder = Path(sys.argv[2])
    found = ordeal.run(ordeal.Ordeal(**json.loads(sys.argv[1])), folder)
    outcome = {
        "trials": [[t.number, t.candidate.key, t.accuracy, dict(t.costs)] for t in found.trials],
        "failures": [[f.number, f.candidate.key, f.reason] for f in found.failures],
        "best": found.best.number, "draws": found.draws, "ended": found.ended,
    }  # fmt: skip
    (folder / RESULT).write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main()
