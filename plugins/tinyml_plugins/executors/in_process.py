"""Execution inside this process: for embedding, debugging and evaluations that are fast or release the GIL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Threads:
    """``ThreadPoolExecutor``; a crash in native code takes this process with it."""

    def open(self, workers: int) -> Executor:
        """A fresh pool."""
        return ThreadPoolExecutor(workers)


@dataclass(frozen=True, kw_only=True)
class Serial:
    """Runs each call at once in the calling thread, so that debuggers and interrupts reach it."""

    def open(self, workers: int) -> Executor:
        """An executor that is always idle; ``workers`` makes no difference."""
        return _CallingThread()


class _CallingThread(Executor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except (Exception, SystemExit) as error:
            future.set_exception(error)
        return future
