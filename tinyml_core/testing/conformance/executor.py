"""Checks of executors: what the search demands of ``concurrent.futures``, whoever implements it."""

from __future__ import annotations

from concurrent.futures import wait

from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.testing.conformance.check import Check, require
from tinyml_core.testing.conformance.samples.calling import failing, square
from tinyml_core.testing.conformance.subject import Subject

WORKERS, CALLS = 2, 8
PATIENCE = 300
"""Seconds that a pool may take to answer."""


def calls_are_carried_out(subject: Subject) -> None:
    """Calls return their own results, however many are pending."""
    with subject.make(ExecutorFactory).open(WORKERS) as pool:
        futures = [pool.submit(square, number) for number in range(CALLS)]
        wait(futures, timeout=PATIENCE)
        found = [future.result(timeout=PATIENCE) for future in futures]
    require(found == [number**2 for number in range(CALLS)], f"the squares of 0 to {CALLS - 1} are {found}")


def errors_come_back(subject: Subject) -> None:
    """What a call raises is raised where its result is asked for, and the pool goes on."""
    with subject.make(ExecutorFactory).open(WORKERS) as pool:
        error = pool.submit(failing, "on purpose").exception(timeout=PATIENCE)
        require(isinstance(error, ValueError) and "on purpose" in str(error), f"ValueError came back as {error!r}")
        require(pool.submit(square, 3).result(timeout=PATIENCE) == 9, "after an error it answers no more")


def pools_are_fresh(subject: Subject) -> None:
    """A pool that was shut down is followed by another that works."""
    factory = subject.make(ExecutorFactory)
    with factory.open(1) as pool:
        pool.submit(square, 1).result(timeout=PATIENCE)
    with factory.open(1) as pool:
        require(pool.submit(square, 5).result(timeout=PATIENCE) == 25, "a second pool does not work")


CHECKS = (
    Check(calls_are_carried_out, slow=True),
    Check(errors_come_back, slow=True),
    Check(pools_are_fresh, slow=True),
)
"""Those of an executor."""
