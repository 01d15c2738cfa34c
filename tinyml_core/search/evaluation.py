"""Evaluation that survives its workers, over any ``concurrent.futures.Executor``.

A worker that dies (out of memory, a crash in native code) breaks a whole pool, and nobody can tell which evaluation did
it. All that were under way are suspects: each runs again alone in a fresh pool, so that the guilty one is found and
given up after a few tries while its neighbours finish.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tinyml_core.api.executor import ExecutorFactory
from tinyml_core.errors import InputError, PluginError, ToolchainError

Work = Callable[[], float]
"""An evaluation to be carried out: picklable, returns an accuracy."""

TRIES = 3
"""Worker deaths an evaluation may be involved in before it is given up."""

LONGEST_REASON = 500
"""Characters kept of an exception's message."""

_SETUP_ERRORS = (InputError, PluginError, ToolchainError)
_WORKER_DIED = (BrokenExecutor, CancelledError)


@dataclass(frozen=True)
class Outcome:
    """How evaluation ``number`` ended: with an accuracy from 0 to 1, or, when that is None, for a ``reason``."""

    number: int
    accuracy: float | None
    reason: str = ""


class EvaluationPool:
    """Runs evaluations on ``workers`` workers; a context manager."""

    def __init__(self, factory: ExecutorFactory, workers: int) -> None:
        self._factory, self._workers = factory, workers
        self._executor: Executor | None = None
        self._running: dict[int, tuple[Work, Future[float]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def submit(self, number: int, work: Work) -> None:
        """Start an evaluation."""
        self._running[number] = (work, self._start(work, self._workers))

    def finished(self, *, block: bool) -> Iterator[Outcome]:
        """Outcomes that have come in since the last call, in any order; with ``block`` at least one.

        Raises:
            InputError, PluginError, ToolchainError: an evaluation could not start for a reason that all share.
        """
        futures = [future for _, future in self._running.values()]
        done = wait(futures, None if block else 0, FIRST_COMPLETED).done
        suspects = False
        for number in [number for number, (_, future) in self._running.items() if future in done]:
            outcome = _outcome(number, self._running[number][1])
            if outcome is None:
                suspects = True
            else:
                del self._running[number]
                yield outcome
        if suspects:
            yield from self._isolate()

    def _isolate(self) -> Iterator[Outcome]:
        self._close()  # settles every future: finished, broken or cancelled
        suspects = dict(self._running)
        for number, (work, future) in suspects.items():
            outcome, deaths = _outcome(number, future), 1
            while outcome is None and deaths < TRIES:
                outcome = _outcome(number, self._start(work, 1))
                if outcome is None:
                    self._close()
                    deaths += 1
            del self._running[number]
            yield outcome or Outcome(number, None, f"the worker died in each of {TRIES} tries")
        self._close()

    def _start(self, work: Work, workers: int) -> Future[float]:
        if self._executor is None:
            self._executor = self._factory.open(workers)
        try:
            return self._executor.submit(work)
        except BrokenExecutor as error:  # a neighbour broke the pool between two calls
            broken: Future[float] = Future()
            broken.set_exception(error)
            return broken

    def _close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


def _outcome(number: int, future: Future[float]) -> Outcome | None:
    """The outcome behind a future, waited for; None when its worker died."""
    try:
        accuracy = float(future.result())
    except _WORKER_DIED:
        return None
    except _SETUP_ERRORS:
        raise
    except (Exception, SystemExit) as error:  # whatever a candidate's training raises is that candidate's failure
        reason = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace").decode()
        return Outcome(number, None, reason[:LONGEST_REASON])
    if not (math.isfinite(accuracy) and 0 <= accuracy <= 1):
        return Outcome(number, None, f"the accuracy is {accuracy}, outside 0 to 1")
    return Outcome(number, accuracy)
