"""Dask workers on this machine, without Dask's nannies.

A nanny starts a dead worker anew, but not one that dies before it has reported, and one that is closed meanwhile waits
for ever. Here nobody is replaced: the first death is told, and all the workers end together, also with their parent.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import multiprocessing
from collections.abc import Callable
from multiprocessing import connection
from threading import Thread
from typing import Any

from tinyml_plugins.executors.processes import follow_parent, one_thread


class LocalWorkers:
    """``count`` processes that work for the scheduler at ``address``, one thread each."""

    def __init__(self, address: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes = [context.Process(target=_work, args=(address,), daemon=True) for _ in range(count)]
        self._reader, self._writer = context.Pipe(duplex=False)
        with one_thread():
            for process in self._processes:
                process.start()

    def watch(self, died: Callable[[], object]) -> None:
        """Call ``died`` once, from a thread of its own, when a worker ends before :meth:`end` is called."""
        Thread(target=self._watch, args=(died,), daemon=True).start()

    def _watch(self, died: Callable[[], object]) -> None:
        ended = connection.wait([self._reader, *(process.sentinel for process in self._processes)])
        if self._reader not in ended:
            died()

    def end(self) -> None:
        """End all of them, whatever they do."""
        self._writer.close()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()


def _work(address: str) -> None:
    follow_parent()
    asyncio.run(_serve(address))


async def _serve(address: str) -> None:
    distributed: Any = importlib.import_module("distributed")
    logging.getLogger("distributed").setLevel(logging.WARNING)
    # Without a limit of memory: at one, a worker pauses, and its evaluation never ends.
    async with distributed.Worker(address, nthreads=1, memory_limit=0, dashboard=False) as worker:
        await worker.finished()
