"""An executor of the calling thread, and functions that every executor can send to its workers."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Calling:
    """Opens executors that run each call at once."""

    def open(self, workers: int) -> Executor:
        """One that is always idle."""
        return _CallingThread()


class _CallingThread(Executor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def square(number: int) -> int:
    """``number`` squared."""
    return number * number


def failing(text: str) -> None:
    """Raise ValueError with ``text``."""
    raise ValueError(text)


def process_number() -> int:
    """The number of the process that is asked."""
    return os.getpid()
