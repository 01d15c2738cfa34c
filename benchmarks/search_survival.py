"""Survival: 20 random ``kill -9`` across a search of 60 candidates, over worker processes and over Dask.

Asked: 60 evaluations in the journal, none lost, none twice, and the result of the search that nobody disturbed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from asked import Row

from tinyml_core.platform import Platform
from tinyml_core.testing.ordeal import Ordeal
from tinyml_core.testing.survival import ravage, undisturbed


def rows(platform: Platform, *, quick: bool) -> Iterator[Row]:
    """Each executor; ``platform`` is made anew in the processes that are killed."""
    evaluations, kills = (20, 6) if quick else (60, 20)
    for executor in ["processes"] + ["dask"] * (find_spec("distributed") is not None):
        ordeal = Ordeal(executor=executor, evaluations=evaluations)
        with tempfile.TemporaryDirectory() as calm, tempfile.TemporaryDirectory() as rough:
            still = undisturbed(ordeal, Path(calm))
            found = ravage(ordeal, Path(rough), kills=kills, seed=0)
        subject = f"{executor}, {found.killed_main} kills of the main process, {found.killed_workers} of workers"
        journaled = len(found.journaled)
        yield Row(subject, "evaluations in the journal", journaled, at_least=evaluations, at_most=evaluations)
        yield Row(subject, "journaled twice", journaled - len(set(found.journaled)), at_most=0)
        yield Row(subject, "candidates given up", len(found.outcome["failures"]), at_most=0)
        yield Row(subject, "results that differ", float(found.outcome != still.outcome), at_most=0)
        yield Row(subject, "evaluations begun", found.visits, note="those that died with their worker included")
