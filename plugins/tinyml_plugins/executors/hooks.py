"""Registers the executors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyml_core.component import Component
from tinyml_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tinyml_core.api.executor import ExecutorFactory


@hookimpl
def tinyml_executors() -> Iterable[Component[ExecutorFactory]]:
    """Executors by name."""
    return (
        Component("processes", "tinyml_plugins.executors.processes:Processes", "worker processes on this machine"),
        Component("threads", "tinyml_plugins.executors.in_process:Threads", "threads of this process"),
        Component("serial", "tinyml_plugins.executors.in_process:Serial", "one after the other, in the calling thread"),
        Component("dask", "tinyml_plugins.executors.dask:Dask", "a Dask cluster, local or remote", extra="dask"),
    )
