"""Worker processes on this machine, started afresh: a forked process would inherit torch's locks in any state."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Set to 1 for workers unless the user has set them: small networks train faster on one thread of a busy machine."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """``ProcessPoolExecutor`` with the spawn start method and one computing thread in each worker."""

    def open(self, workers: int) -> Executor:
        """A fresh pool."""
        context = multiprocessing.get_context("spawn")
        return _OneThreadPool(workers, mp_context=context, initializer=follow_parent)


class _OneThreadPool(ProcessPoolExecutor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        # Workers start here. Libraries read these variables as they are loaded, which in a spawned process is
        # before any initializer runs.
        with one_thread():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def one_thread() -> Iterator[None]:
    """Processes that start meanwhile compute on one thread, unless the user wants otherwise."""
    absent = [name for name in ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(absent, "1"))
    try:
        yield
    finally:
        for name in absent:
            del os.environ[name]


def follow_parent() -> None:
    """Let this worker end with its parent: one whose parent was killed would wait for work for ever."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
