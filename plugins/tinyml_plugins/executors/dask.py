"""Dask: evaluations on other machines, through its ``concurrent.futures`` face.

Dask re-runs the evaluations of a worker that died on its own, and gives one up after ``allowed-failures`` deaths.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from tinyml_core.errors import InputError, PluginError

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
            cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
            )
            return _Cluster(distributed.Client(cluster), cluster)
        try:
            return _Cluster(distributed.Client(self.address, timeout=self.timeout))
        except (OSError, ValueError) as error:
            raise InputError(
                f"no Dask scheduler answers ({error})", place=self.address, remedy="check the option address"
            ) from error


class _Cluster(Executor):
    """Dask's executor, which leaves the client and its cluster running when it is shut down."""

    def __init__(self, client: Any, cluster: Any = None) -> None:  # noqa: ANN401 - distributed carries no types
        self._client, self._cluster = client, cluster
        self._executor = client.get_executor(pure=False)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = self._executor.submit(fn, *args, **kwargs)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._executor.shutdown(wait=wait and not cancel_futures)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
