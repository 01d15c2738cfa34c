"""Dask: evaluations on other machines, through its ``concurrent.futures`` face.

The death of a worker is told as a broken pool, so that the search finds out whose evaluation did it. On a cluster of
one's own that is the first death; a remote one runs the evaluations of a dead worker again by itself and after
``allowed-failures`` deaths gives up all that the last worker held, the innocent with the guilty.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from tinyml_core.errors import InputError, PluginError
from tinyml_plugins.executors.local_workers import LocalWorkers

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Dask:
    """A Dask cluster."""

    address: str = ""
    """The scheduler, such as ``tcp://10.0.0.1:8786``; empty starts a cluster of processes on this machine."""
    timeout: float = 30.0
    """Seconds to wait for the scheduler."""

    def open(self, workers: int) -> Executor:
        """A fresh connection; ``workers`` is the size of a local cluster, a remote one has its own.

        Raises:
            InputError: no scheduler answers at ``address``.
            PluginError: the package ``distributed`` is not installed.
        """
        try:
            distributed: Any = importlib.import_module("distributed")
        except ImportError as error:
            raise PluginError(
                f"needs the package distributed ({error})",
                place="executor 'dask'",
                remedy="pip install 'tinyml-core[dask]'",
            ) from error
        if not self.address:
            scheduler = distributed.LocalCluster(n_workers=0, dashboard_address=":0")
            local = LocalWorkers(scheduler.scheduler_address, workers)

            def close() -> None:
                local.end()
                scheduler.close()

            cluster = _Cluster(distributed.Client(scheduler), close)
            local.watch(cluster.give_up)
            return cluster
        try:
            return _Cluster(distributed.Client(self.address, timeout=self.timeout))
        except (OSError, ValueError) as error:
            raise InputError(
                f"no Dask scheduler answers ({error})", place=self.address, remedy="check the option address"
            ) from error


class _Cluster(Executor):
    """The client as an executor.

    Dask's own ``ClientExecutor`` loses a result whose worker dies between the answer and a look at its status, so the
    client's futures are settled here.
    """

    def __init__(self, client: Any, close: Callable[[], object] = lambda: None) -> None:  # noqa: ANN401
        self._client, self._close = client, close
        self._answers: dict[Future[Any], Any] = {}
        """Dask forgets what nobody holds."""
        self._broken = False
        self._lock = Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        with self._lock:
            if self._broken:
                raise BrokenExecutor("a worker has died")
            self._answers[future] = answer = self._client.submit(partial(fn, *args, **kwargs), pure=False)
        future.add_done_callback(self._answers.pop)
        answer.add_done_callback(partial(_settle, future))
        return future

    def give_up(self) -> None:
        """Break: whoever waits for an answer, or asks for more, is told so."""
        with self._lock:
            self._broken = True
            answers = list(self._answers.values())
        self._client.cancel(answers, force=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if wait and not cancel_futures:
            wait_for(tuple(self._answers))
        for future in tuple(self._answers):
            future.cancel()
        self._client.close()
        self._close()


def _settle(future: Future[T], answer: Any) -> None:  # noqa: ANN401 - distributed carries no types
    """Give ``future`` what Dask answers, unless it was cancelled meanwhile; a client that closes answers nothing."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(answer.result())
    except BaseException as error:  # whatever the work raised, SystemExit too, belongs to the one who asked for it
        lost = type(error).__name__ == "KilledWorker" or answer.cancelled()
        future.set_exception(BrokenExecutor(str(error)) if lost else error)
